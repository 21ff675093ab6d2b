from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI

chain = (
    ChatPromptTemplate.from_messages(
        [("system", "Summarise the conversation for the next agent in five bullet points."), ("human", "{conversation}")]
    )
    | ChatOpenAI(model="gpt-4o-mini", temperature=0)
)


def summary(conversation):
    return chain.invoke({"conversation": conversation}).content
