"""What this project does in processes of its own, each telling what it saw as JSON on its last line."""
