import pytest

from tests.workers.checks.opened import findings
from tests.workers.files import made
from workers.checks.chat_template import check


def of(folder, template):
    return findings(check, folder, made.tensors({}, {"tokenizer.chat_template": template}))


@pytest.mark.parametrize(
    "template",
    [
        "{{ ().__class__ }}",
        "{{ x|attr('a') }}",
        "{{ lipsum.globals }}",
        "{{ cycler.x }}",
        "{% set a = '\\x5f\\x5fclass' %}",
        "{{ os.popen('id') }}",
    ],
)
def test_what_reaches_out_is_a_danger_that_everybody_is_told(template, tmp_path):
    (finding,) = of(tmp_path, template)
    assert (finding.severity, finding.public) == ("danger", True)


def test_an_honest_template_is_told_of(tmp_path):
    honest = (
        "{% for message in messages %}{{ '<|im_start|>' + message['role'] }}{% endfor %}{% set ns = namespace(x=1) %}"
    )
    (finding,) = of(tmp_path, honest)
    assert finding.severity == "note"


def test_a_file_without_one_has_nothing_to_tell(tmp_path):
    assert findings(check, tmp_path, made.tensors({}, {"a": "__class__"})) == []
