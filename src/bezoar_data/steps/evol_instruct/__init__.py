"""The Evol-Instruct scheme: instructions made harder or rarer, epoch after epoch (arXiv 2304.12244)."""
