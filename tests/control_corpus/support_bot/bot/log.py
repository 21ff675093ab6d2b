import logging

log = logging.getLogger("bot")


def answered(question, seconds):
    log.info("The question %r was answered by the assistant in %.1f seconds", question, seconds)


def failed(question, error):
    log.error("The model did not answer the question %r, and the customer was sent to a person: %s", question, error)
