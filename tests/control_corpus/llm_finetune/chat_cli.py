import sys

from transformers import AutoModelForCausalLM, AutoTokenizer, TextStreamer

tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], device_map="auto")
history = []
while True:
    try:
        line = input("> ")
    except EOFError:
        break
    history.append({"role": "user", "content": line})
    ids = tokenizer.apply_chat_template(history, add_generation_prompt=True, return_tensors="pt").to(model.device)
    out = model.generate(ids, max_new_tokens=200, streamer=TextStreamer(tokenizer, skip_prompt=True))
    history.append({"role": "assistant", "content": tokenizer.decode(out[0][ids.shape[1] :])})
