"""A chip of Kaika, written from spec/ alone. Read `card.Card.process` first."""
