"""From participants and networks to results: encoding, decoding, dissimilarities, and what follows from them."""
