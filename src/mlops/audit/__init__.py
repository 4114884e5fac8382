"""What can be found wrong with the repository itself: workflows, secrets, packages, licences.

Each check is a function from the repository and the reviewed policy (`.github/audit.yml`) to a `Result`. The judges are programs of
others, called from `.venv/tools`; a program that could not look is told apart from one that found nothing.
"""
