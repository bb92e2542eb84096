"""What the tests compare the suite with: the same computed again in float64 NumPy.

The oracles share no code with what they judge. `textbook` has a small network and what
attacks do to its images; `networks` has the images and weights at which networks are
compared. `training` has what an update does to a linear network; it is the oracle of
natural and of Free training, and the base of those of the other methods: `mixed`
(kurakin2017), `adversarial` (intriguing_at) and `smooth` (smooth_at).
"""
