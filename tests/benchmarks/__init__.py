"""Speeds as ratios to a limit measured in the same run: figures of one machine say nothing about another."""
