"""A double of the vendors' models: nobody can script the real ones. It speaks their wire formats over a real socket."""
