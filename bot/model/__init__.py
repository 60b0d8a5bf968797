"""The words of the product as frozen values: subjects, people, facts, findings, outcomes. Imports nothing else of bot."""
