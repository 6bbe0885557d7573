"""Chat: questions, answers, conclusions, and the prompt."""
