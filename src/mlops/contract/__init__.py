"""Data contracts: what must hold in the data before anything is learnt from it, who answers for it, and what to do when it does not hold.

A contract is a file of the Open Data Contract Standard. `standard` reads it into frozen `rules`; `suite` compiles these to Great Expectations;
`check` runs them and gives a verdict; `detail` and `page` tell it to a person. `python -m mlops.contract` is the step of a pipeline.
"""
