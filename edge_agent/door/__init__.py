"""The door: from a picture or a card to a decision and the relay."""
