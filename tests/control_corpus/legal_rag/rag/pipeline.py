from llama_index.core import PromptTemplate, StorageContext, load_index_from_storage

QA = PromptTemplate(
    "Below are excerpts from court decisions.\n{context_str}\nUsing these alone, answer the lawyer's question: {query_str}\nName the paragraph."
)


def engine(folder):
    index = load_index_from_storage(StorageContext.from_defaults(persist_dir=folder))
    return index.as_query_engine(text_qa_template=QA, similarity_top_k=6)
