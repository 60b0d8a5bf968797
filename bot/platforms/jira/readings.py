"""What reading Jira's issues takes: the same wherever a pull request names them."""

from __future__ import annotations

from bot.model.readings import ApiRequest, Per

_KEYS = "for keys of Jira, where `JIRA_URL` is given; its account needs *Browse projects*"

REQUESTS = (
    ApiRequest("POST rest/api/3/issue/bulkfetch", (), Per.PULL_REQUEST, f"{_KEYS} (Cloud)"),
    ApiRequest("POST rest/api/2/search", (), Per.PULL_REQUEST, f"{_KEYS} (Data Center)"),
    ApiRequest(
        "GET rest/api/{version}/issue/{key}", (), Per.WORK_ITEM, "where Jira leaves a key out: it may have moved"
    ),
    ApiRequest(
        "GET rest/api/{version}/mypermissions",
        (),
        Per.PROJECT,
        "where Jira leaves a key out: whether the account browses the key's project",
    ),
)
