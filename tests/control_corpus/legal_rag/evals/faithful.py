from datasets import Dataset
from ragas import evaluate
from ragas.metrics import answer_relevancy, faithfulness


def run(rows):
    return evaluate(Dataset.from_list(rows), metrics=[faithfulness, answer_relevancy])
