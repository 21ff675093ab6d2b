import timeit

from units.parse import parse

if __name__ == "__main__":
    for text in ("3 m", "-12.75 kg", "1000000 µs"):
        seconds = min(timeit.repeat(lambda text=text: parse(text), number=10_000))
        print(f"{text:12} {seconds / 10_000 * 1e6:.2f} µs")
