import gymnasium as gym
import numpy as np


class WindyCart(gym.Env):
    action_space = gym.spaces.Discrete(2)
    observation_space = gym.spaces.Box(-5, 5, (4,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state = self.np_random.uniform(-0.05, 0.05, 4).astype(np.float32)
        return self.state, {}

    def step(self, action):
        self.state = self.state + np.float32(0.02) * np.array([self.state[1], action - 0.5, self.state[3], self.state[2]], np.float32)
        reward = 1.0 - abs(float(self.state[0]))
        return self.state, reward, bool(abs(self.state[0]) > 2.4), False, {}


gym.register("WindyCart-v0", entry_point=WindyCart)
