ALPHABET = "_ abcdefghijklmnopqrstuvwxyz'"
INDEX = {sign: number for number, sign in enumerate(ALPHABET)}


def to_ids(text):
    return [INDEX[sign] for sign in text.lower() if sign in INDEX]
