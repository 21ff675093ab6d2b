from pydantic import BaseModel
from pydantic_ai import Agent


class Finding(BaseModel):
    paragraph: str
    holds: bool


reviewer = Agent(
    "anthropic:claude-sonnet-4-5",
    output_type=Finding,
    system_prompt="Check whether the quoted paragraph says what the draft claims. Be strict.",
)
