import gymnasium as gym
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

import cart_env  # registers the environment

env = make_vec_env("WindyCart-v0", n_envs=8)
agent = PPO("MlpPolicy", env, learning_rate=3e-4, n_steps=512, ent_coef=0.01, verbose=1)
agent.learn(total_timesteps=500_000)
agent.save("ppo_cart")
