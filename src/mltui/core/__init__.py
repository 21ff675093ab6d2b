"""Pure data that every other package speaks: messages, effects, events, decisions, experiments, errors.

Standard library and pydantic only; nothing here reads, writes, runs or connects.
"""
