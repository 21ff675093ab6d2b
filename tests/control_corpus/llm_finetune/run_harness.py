import json

import lm_eval

TASKS = ["hellaswag", "arc_easy", "winogrande"]

if __name__ == "__main__":
    results = lm_eval.simple_evaluate(model="hf", model_args="pretrained=out/sft", tasks=TASKS, num_fewshot=0, batch_size=16)
    with open("harness.json", "w") as handle:
        json.dump(results["results"], handle, indent=2)
