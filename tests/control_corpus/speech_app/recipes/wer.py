import sys


def edits(ref, hyp):
    row = list(range(len(hyp) + 1))
    for i, r in enumerate(ref, 1):
        last, row[0] = row[0], i
        for j, h in enumerate(hyp, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (r != h))
    return row[-1]


def wer(refs, hyps):
    wrong = sum(edits(r.split(), h.split()) for r, h in zip(refs, hyps))
    return wrong / sum(len(r.split()) for r in refs)


if __name__ == "__main__":
    refs, hyps = (open(path).read().splitlines() for path in sys.argv[1:3])
    print(f"wer {wer(refs, hyps):.4f}")
