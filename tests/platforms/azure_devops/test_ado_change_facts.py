from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.engine.ports import Known
from bot.model.facts import UnknownKind
from bot.model.facts.change import (
    Change,
    ChangedFiles,
    Checks,
    CheckState,
    Comments,
    Commits,
    LinkedWorkItems,
    LinkForm,
    LinkSource,
    LinkSpec,
    Opinion,
    Pushes,
    ReviewerPermissions,
    Reviews,
    TeamMembers,
    TeamSpec,
)
from bot.model.people import Permission
from bot.model.subjects import PullRequestState
from bot.platforms.azure_devops.access import (
    GENERIC_CONTRIBUTE,
    GENERIC_READ,
    GIT,
    PULL_REQUEST_CONTRIBUTE,
    Entry,
    combined,
    level,
)
from bot.platforms.azure_devops.provider import AzureDevOpsProvider
from bot.sandbox.scenario import Scenario
from bot.sandbox.server import Sandbox
from tests.platforms.azure_devops.ado_reader import Reader, requested


def at(day: int, hour: int = 12) -> datetime:
    month = 10 if day > 5 else 11
    return datetime(2026, month, day, hour, tzinfo=UTC)


def test_the_pull_request_as_a_subject(reader, pull_request):
    assert pull_request.name == "acme/Payments/payments!12"
    assert pull_request.id.endswith(f"/pull_request/{pull_request.repository.id.rpartition('/')[2]}/12")
    assert pull_request.base.branch == "main"
    assert pull_request.base.is_default
    assert pull_request.state is PullRequestState.OPEN
    assert pull_request.iteration == 2
    assert pull_request.author.login == "ana@example.com"
    assert pull_request.title == "Add refunds AB#7"
    assert pull_request.url.endswith("/acme/Payments/_git/payments/pullrequest/12")
    assert pull_request.repository.organization.project == "Payments"
    assert len(pull_request.head_sha) == len(pull_request.base_sha) == 40


def test_votes_get_their_time_and_head_from_the_threads_about_them(reader: Reader, pull_request):
    reviews = reader.value(Reviews, pull_request)
    pushes = reader.value(Pushes, pull_request)
    first, second = (push.head for push in pushes.pushes)
    assert [(one.person.login, one.opinion, one.at, one.commit) for one in reviews.reviews] == [
        ("dee@example.com", Opinion.CHANGES_REQUESTED, at(30, 0), first),
        ("ben@example.com", Opinion.APPROVED, at(31), second),
    ]
    assert reviews.requested == ("cid@example.com",), "the team has voted, through Ben"


def test_comments_are_what_people_said_of_the_whole(reader: Reader, pull_request):
    said = reader.value(Comments, pull_request).comments
    assert [(one.person.login, one.body) for one in said] == [("ben@example.com", "Why?")]


def test_a_vote_without_a_thread_has_no_head(reader: Reader, pull_request):
    reader.provider.reads.keep((pull_request.id, "threads"), [])
    reviews = reader.value(Reviews, pull_request)
    assert {one.commit for one in reviews.reviews} == {None}
    assert {one.at for one in reviews.reviews} == {None}


def test_commits_are_oldest_first_and_matched_to_known_people(reader: Reader, pull_request):
    commits = reader.value(Commits, pull_request).commits
    assert [one.message.splitlines()[0] for one in commits] == ["One", "Two"]
    assert commits[-1].sha == pull_request.head_sha
    assert commits[0].author.person == pull_request.author
    # Cid is a requested reviewer, and so is known.
    assert commits[1].author.person is not None
    assert commits[1].author.person.login == "cid@example.com"


def test_pushes_are_iterations(reader: Reader, pull_request):
    pushes = reader.value(Pushes, pull_request).pushes
    assert [(push.person.login, push.at) for push in pushes] == [
        ("ana@example.com", at(29)),
        ("cid@example.com", at(30)),
    ]
    assert pushes[1].before == pushes[0].head
    assert pushes[1].head == pull_request.head_sha


def test_files_and_renames(reader: Reader, pull_request):
    files = reader.value(ChangedFiles, pull_request).files
    assert {(one.path, one.change, one.old_path) for one in files} == {
        ("docs/b.md", Change.ADDED, None),
        ("docs/c.md", Change.RENAMED, "docs/a.md"),
        ("src/app.py", Change.MODIFIED, None),
    }


def test_work_items_by_relation_keyword_and_mention(reader: Reader, pull_request):
    links = reader.value(LinkedWorkItems, pull_request).links
    by_form = {(one.form, one.where.split()[0]): one for one in links}
    related = by_form[LinkForm.RELATION, "relation"]
    assert (related.text, related.item.number, related.item.type) == ("AB#7", "7", "User Story")
    assert related.item.scope == "Payments"
    assert by_form[LinkForm.KEYWORD, "title"].item.number == "7"
    assert by_form[LinkForm.KEYWORD, "commit"].item.number == "7"
    mention = by_form[LinkForm.MENTION, "body"]
    assert (mention.source, mention.item.number) == (LinkSource.AZURE_BOARDS, "8")
    assert mention.item.is_closed
    assert mention.item.closed_at == at(23)
    assert not related.item.is_closed
    assert len(links) == 4, "#9 is in code: said by nobody"


def test_a_missing_work_item_and_one_of_another_host(reader_for, sandbox):
    part = sandbox.world.repository("acme", "payments").pull_requests[12].part
    part.title, part.body = "AB#999", "acme/shop#3 and https://dev.azure.com/other/P/_workitems/edit/4 and PAY-3"
    reader = reader_for()
    pull_request = reader.subject()
    links = {one.text: one for one in reader.value(LinkedWorkItems, pull_request, LinkSpec(frozenset({"PAY"}))).links}
    assert links["AB#999"].missing
    assert not links["acme/shop#3"].missing
    assert "does not reach" in links["acme/shop#3"].unreadable
    assert "other" in links["https://dev.azure.com/other/P/_workitems/edit/4"].unreadable
    assert links["PAY-3"].unchecked


def test_a_number_that_no_work_item_can_have_leads_nowhere_and_spoils_nothing(reader_for, sandbox):
    sandbox.world.repository("acme", "payments").pull_requests[12].part.body = "#8, call #5551234567 or #2147483648"
    reader = reader_for()
    links = {one.text: one for one in reader.value(LinkedWorkItems, reader.subject()).links}
    assert links["#8"].item is not None
    assert links["#5551234567"].missing
    assert links["#2147483648"].missing


def test_a_related_work_item_that_is_not_shown_is_unknown_and_not_missing(reader, pull_request, monkeypatch):
    monkeypatch.setattr("bot.sandbox.azure_devops.surfaces.work_items.visible", lambda call: {})
    links = reader.value(LinkedWorkItems, pull_request).links
    assert {one.form: (one.missing, one.unreadable_kind) for one in links if one.text == "AB#7"} == {
        LinkForm.RELATION: (False, UnknownKind.SCOPE),
        LinkForm.KEYWORD: (True, UnknownKind.SCOPE),
    }


def test_a_text_full_of_mentions_is_not_read_to_the_end(reader_for, sandbox):
    body = " ".join(f"#{number}" for number in range(1000, 1300))
    sandbox.world.repository("acme", "payments").pull_requests[12].part.body = body
    reader = reader_for()
    links = [one for one in reader.value(LinkedWorkItems, reader.subject()).links if one.where == "body"]
    assert [sum(one.missing for one in links), len(links)] == [199, 300], "the title's item is looked up before them"
    assert {one.unreadable_kind for one in links if one.unreadable} == {UnknownKind.TRUNCATED}


def test_pull_requests_that_hang_on_an_item_are_counted(reader: Reader, pull_request):
    links = reader.value(LinkedWorkItems, pull_request, LinkSpec(count_pull_requests=True)).links
    assert links[0].item.linked_pull_requests == 1


def test_checks_are_build_validations_and_statuses(reader: Reader, pull_request):
    checks = {one.name: one for one in reader.value(Checks, pull_request).checks}
    assert checks["ci"].state is CheckState.SUCCESS
    assert checks["ci"].event == "pull_request"
    assert "buildId=" in checks["ci"].url
    assert checks["scan/sonar"].state is CheckState.SUCCESS


def test_a_status_of_an_older_push_is_not_on_the_head(reader_for, sandbox):
    pull_request = sandbox.world.repository("acme", "payments").pull_requests[12]
    for status in pull_request.ado_statuses:
        status.iteration = 1
    reader = reader_for()
    checks = {one.name: one.state for one in reader.value(Checks, reader.subject()).checks}
    assert "scan/sonar" not in checks


@pytest.mark.parametrize(
    ("state", "conclusion", "expected"),
    [
        ("queued", "success", CheckState.PENDING),
        ("in_progress", "success", CheckState.PENDING),
        ("completed", "failure", CheckState.FAILURE),
        ("completed", "cancelled", CheckState.FAILURE),
    ],
)
def test_states_of_builds(reader_for, sandbox, state, conclusion, expected):
    check = sandbox.world.repository("acme", "payments").pull_requests[12].part.checks[0]
    check.state, check.conclusion = state, conclusion
    reader = reader_for()
    checks = {one.name: one.state for one in reader.value(Checks, reader.subject()).checks}
    assert checks["ci"] is expected


def test_a_validation_without_a_build_is_missing(reader_for, sandbox):
    del sandbox.world.repository("acme", "payments").pull_requests[12].part.checks[0]
    reader = reader_for()
    assert "ci" not in {one.name for one in reader.value(Checks, reader.subject()).checks}


def test_a_vote_that_was_thrown_away_is_dismissed(reader: Reader, pull_request):
    document = reader.provider.reads.pull_request(pull_request)
    ben = next(one for one in document["reviewers"] if one["uniqueName"].startswith("ben"))
    ben["vote"] = 0
    reviews = reader.value(Reviews, pull_request)
    dismissed = next(one for one in reviews.reviews if one.opinion is Opinion.DISMISSED)
    assert dismissed.person.login == "ben@example.com"
    assert "ben@example.com" in reviews.requested


def test_a_change_of_many_files_and_commits_is_read_whole():
    files = {f"many/{number}.txt": "x" for number in range(2100)}
    commits = [{"message": f"Commit {number}", "files": {f"c{number}": "x"}} for number in range(105)]
    scenario = {
        "repositories": [
            {
                "name": "big",
                "pull_requests": [
                    {"number": 1, "author": "ana", "pushes": [{"commits": [{"files": files}, *commits]}]}
                ],
            }
        ]
    }
    with Sandbox(Scenario.model_validate(scenario)) as big:
        provider = AzureDevOpsProvider("sandbox-token", big.azure_devops + "acme")
        reader = Reader(provider, Known())
        pull_request = reader.subject("ado:acme/acme/big!1")
        assert len(reader.value(ChangedFiles, pull_request).files) == 2205
        found = reader.value(Commits, pull_request).commits
        assert len(found) == 106
        assert found[-1].sha == pull_request.head_sha
        provider.close()


def test_what_those_may_do_who_have_not_voted_is_not_asked(reader: Reader, pull_request):
    document = reader.provider.reads.pull_request(pull_request)
    assert [one["vote"] for one in document["reviewers"] if one["uniqueName"].startswith("cid")] == [0]
    assert len(reader.value(ReviewerPermissions, pull_request).levels) == 2, "nobody who has not voted matters"


def test_what_voters_may_do_comes_through_groups_too(reader: Reader, pull_request):
    for one in reader.provider.reads.pull_request(pull_request)["reviewers"]:
        one["vote"] = one["vote"] or 5
    levels = reader.value(ReviewerPermissions, pull_request).levels
    people = {one.person.login: one.person.id for one in reader.value(Reviews, pull_request).reviews}
    assert levels[people["ben@example.com"]] is Permission.WRITE
    assert levels[people["dee@example.com"]] is Permission.READ
    assert levels[people["cid@example.com"]] is Permission.WRITE, "by his team"


def test_what_reviewers_may_do_takes_two_requests(reader: Reader, pull_request, sandbox):
    before = len(requested(sandbox))
    reader.value(ReviewerPermissions, pull_request)
    assert [line.rsplit("/", 2)[1:] for line in requested(sandbox)[before:]] == [
        ["_apis", "Identities"],
        ["AccessControlLists", GIT],
    ]


def test_a_denied_group_takes_what_another_gives():
    writers = Entry("writers", GENERIC_READ | GENERIC_CONTRIBUTE | PULL_REQUEST_CONTRIBUTE, 0, 0, 0)
    assert level(combined([writers])) is Permission.WRITE
    assert level(combined([writers, Entry("frozen", 0, GENERIC_CONTRIBUTE, 0, 0)])) is Permission.READ
    assert level(combined([Entry("one", GENERIC_CONTRIBUTE, 0, 0, 0), writers])) is Permission.WRITE
    assert level(combined([writers, Entry("out", 0, GENERIC_READ | GENERIC_CONTRIBUTE, 0, 0)])) is Permission.NONE


def test_members_of_groups(reader: Reader, pull_request):
    asked = TeamSpec(frozenset({"payments-team", "acme/payments-team", "Contributors", "nobodies"}))
    teams = reader.value(TeamMembers, pull_request.repository, asked)
    logins = {name: {one.login for one in people} for name, people in teams.members.items()}
    assert logins["payments-team"] == logins["acme/payments-team"] == {"ben@example.com", "cid@example.com"}
    assert "cid@example.com" in logins["Contributors"], "a member of a group within the group"
    assert teams.missing == {"nobodies"}
    voter = next(
        one.person for one in reader.value(Reviews, pull_request).reviews if one.person.login.startswith("ben")
    )
    assert voter.id in {one.id for one in teams.members["payments-team"]}, "one person, whatever tells of them"
