import jax
import jax.numpy as jnp
import optax

from flow import log_prob, start


def loss(params, batch):
    return -jnp.mean(jax.vmap(log_prob, (None, 0))(params, batch))


@jax.jit
def update(params, state, batch):
    value, grads = jax.value_and_grad(loss)(params, batch)
    moves, state = tx.update(grads, state)
    return optax.apply_updates(params, moves), state, value


tx = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(3e-4))
params = start(jax.random.PRNGKey(0))
state = tx.init(params)
for batch in jnp.load("moons.npy").reshape(-1, 256, 2):
    params, state, value = update(params, state, batch)
print(value)
