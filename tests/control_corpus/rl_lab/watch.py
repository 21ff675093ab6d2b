import gymnasium as gym
from stable_baselines3 import PPO

import cart_env  # noqa: F401

env = gym.make("WindyCart-v0", render_mode="human")
model = PPO.load("ppo_cart")
state, _ = env.reset()
for _ in range(1000):
    action, _ = model.predict(state, deterministic=True)
    state, reward, ended, cut, _ = env.step(action)
    if ended or cut:
        state, _ = env.reset()
