HARTREE = 27.211386245988


def ev(hartree):
    return hartree * HARTREE


def kcal(ev_):
    return ev_ * 23.060548
