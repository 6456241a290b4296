"""How the embedded policy is made from nothing: tokenizer, recall, demonstrations."""
