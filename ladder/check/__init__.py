"""What a run would do, before anything is paid: its prompts, the limits that they meet, its cost (`ladder check`)."""
