RUNBOOK_TEMPLATE = """# {service}

1. Look at the dashboard and find the first alert.
2. Restart the worker, and wait until the queue is empty.
3. If it fails again, call the person on duty.
"""


def write(service, path):
    path.write_text(RUNBOOK_TEMPLATE.format(service=service))
