"""Words in the names of columns, and in values, that say what is meant. They decide only what the values leave open."""

from __future__ import annotations


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


IDS = _set("id ids uuid guid key rowid rownames rowname index idx serial seq seqn sequence number no nr num pk sn pid order")
"""Names of columns that may number or name the rows."""

SURE_IDS = _set("id ids uuid guid rowid rownames rowname pk")
"""... and mean nothing else."""

WHO = _set(
    "patient subject user customer client person participant student household family session account device machine vehicle player animal chick "
    "worker employee respondent member visitor donor mother litter individual stratum pair school cow rat dog tree case claimant policy seller buyer owner borrower"
)
"""Whose rows belong together: those of one are not to be in both parts."""

CODES = _set("zip zipcode postcode plz code fips sic naics type category cluster region district zone area")
"""Whole numbers in columns with such names are codes, not amounts."""

CLASSES = _set(
    "class classes label labels species digit category type kind cluster target group segment cultivar origin status state color colour"
)
"""Whole numbers in a target of such a name are classes."""

AMOUNTS = _set(
    "count counts number num n amount price cost rating score quality grade age years days hours minutes visits claims sales rings income size total"
)
"""... and here amounts."""

YES = _set(
    "1 1.0 yes y true t ja j oui si bad default defaulted churn churned late died dead death deceased positive pos malignant spam fraud fraudulent "
    "fail failed failure failing sick ill disease diseased case abnormal left lost attrition cancelled canceled returned relapse recurrence accident "
    "attack hit present high >50k won win buy bought purchased subscribed clicked accepted admitted approved"
)
"""The class that is asked for says so, or says that something went wrong."""

NO = _set(
    "0 0.0 no n false f nein non good healthy normal negative neg benign ham legit legitimate ok pass passed stayed stay control absent censored low "
    "<=50k none not regular alive survived living"
)
"""The other one."""

EVENTS = _set(
    "date datetime time timestamp ts day month year week quarter created received recorded observed measured ordered order sold sale pickup start "
    "started admission admitted visit transaction purchase purchased request requested report reported opened signup registered application applied "
    "event occurred hour posted submitted incident dep issue issued"
)
"""When a row came to be."""

NO_EVENTS = _set(
    "birth born dob birthday birthdate expiry expires expiration expire valid until due founded built construction manufactured model renovated hired "
    "graduated published retired died death end ended closed update updated modified last"
)
"""A time, and not that one."""

AFTER = _set(
    "outcome result resolution resolved closed paid settled after afterwards final discharge discharged death died cancelled canceled cancellation "
    "refund refunded chargeback actual post verdict recovered recovery termination terminated exit churned delay delays delayed"
)
"""Known only afterwards."""

PLANNED = _set("sched scheduled schedule planned plan expected estimated estimate forecast forecasted promised target due")
"""What was meant to be: the column of the same name without such a word is what came of it."""

COMMON = _set(
    "the of in per and cm mm kg mean total number count score value name code id type class group target level index rate length width"
)
"""Words that two columns have in common without being about one thing."""
