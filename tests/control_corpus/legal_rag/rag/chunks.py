import re


def chunks(text, size=800, overlap=100):
    paragraphs = [p.strip() for p in re.split(r"\n{2,}", text) if p.strip()]
    current = ""
    for paragraph in paragraphs:
        if len(current) + len(paragraph) > size and current:
            yield current
            current = current[-overlap:]
        current += "\n" + paragraph
    if current:
        yield current
