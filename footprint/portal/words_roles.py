"""The words of roles: what each may, as its account's page says it.

In: nothing. Out: a table of codes.
"""

from footprint.portal.marking import mark

ROLES = {
    "reader": mark("read every figure, the register and the hosts"),
    "owner": mark("read what belongs to its projects, and change their budgets"),
    "officer": mark("read everything but accounts; change the register, the sites and the budgets"),
    "administrator": mark("read everything; change the register and who may do what"),
    "auditor": mark("read everything, the audit log too; change nothing"),
    "meter": mark("send the pages of its host"),
}
