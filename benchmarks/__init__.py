"""What `make bench` measures. Every comparison is interleaved in one run and told as medians and ratios: machines are noisy."""
