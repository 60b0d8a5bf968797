"""Rules: typed functions from facts and parameters to findings. One module is one rule; the registry finds it by itself.

A rule's parameters are its needs, the way a pytest fixture is: the engine reads the annotations of the function, so
what is declared cannot drift from what is used. An annotation is one of

* a subject (``PullRequest``), either the one judged or one that is reached from it (its base ``Branch``);
* a fact (``Reviews``): where it is unavailable the entry is unknown, where it is not supported not applicable;
* ``Reviews | Unavailable | NotSupported``: the rule can do without it, and is told;
* ``Annotated[TeamMembers, needs(spec_of)]``: a fact with parameters; ``spec_of(params)`` builds the spec, or None when
  these parameters do not need the fact at all: then the argument is None, and must be annotated so;
* the rule's own parameters, a subclass of ``RuleParams``;
* ``datetime``, which is the run's ``now``; ``AnalyzerCatalogue``, the run's catalogue.
"""

from bot.rules.declaration import (
    Need,
    Rule,
    RuleParams,
    Tighter,
    Variant,
    needs,
    rule,
)

__all__ = ["Need", "Rule", "RuleParams", "Tighter", "Variant", "needs", "rule"]
