import jax
import jax.numpy as jnp


def energy(q):
    return -1.0 / jnp.linalg.norm(q)


force = jax.jit(jax.grad(lambda q: -energy(q)))


def leapfrog(q, p, dt=1e-3, steps=10_000):
    def move(state, _):
        q, p = state
        p = p + 0.5 * dt * force(q)
        q = q + dt * p
        return (q, p + 0.5 * dt * force(q)), q

    return jax.lax.scan(move, (q, p), None, steps)[1]
