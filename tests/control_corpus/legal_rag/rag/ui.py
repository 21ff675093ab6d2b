import gradio as gr

HELP_TEXT = "Ask about decisions since 2010. Answers are no legal advice, and may be wrong; read the paragraphs that are cited."
PLACEHOLDER = "Type your question here"


def build(answer):
    with gr.Blocks() as page:
        gr.Markdown(HELP_TEXT)
        box = gr.Textbox(placeholder=PLACEHOLDER)
        out = gr.Markdown()
        box.submit(answer, box, out)
    return page
