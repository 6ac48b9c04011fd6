import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.addresses import DEFAULT_HOSTS, BadAddress, is_public, parsed, trusted

HOSTS = DEFAULT_HOSTS.split(",")


def test_it_works():
    address = parsed("https://Civitai.com./models/12?modelVersionId=34#top")
    assert (address.host, address.port, address.target) == ("civitai.com", 443, "/models/12?modelVersionId=34")
    assert address.origin == "https://civitai.com"
    assert trusted(address, HOSTS) is False
    assert parsed("https://hub.example.org/a file/ü.png").target == "/a%20file/%C3%BC.png"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://civitai.com/x", "file:///etc/passwd", "gopher://civitai.com:70/_x", "data:text/plain,x",
        "//civitai.com/x",         "civitai.com", "", "https://", "https:///x", "https://civitai.com@evil.example/x", "https://user:pw@civitai.com/",
        "https://civitai.com\\@evil.example/", "https://civitai.com:0/", "https://civitai.com:99999/",
        "https://civitai.com:8o/", "https://exa mple.org/", "https://civitai..com/", "https://-x.example/",
        "https://[::1%25eth0]/", "https://[::1/", "https://civitai.com\n.evil.example/", "https://a\tb.example/",
        "https://%63ivitai.com/", "https://" + "a" * 64 + ".example/", "https://civitai.com/" + "a" * 5000,
        # this machine, in other words
        "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://127.1/", "https://0177.0.0.1/",
        "https://127.0.0.01/", "https://0/", "https://127.0.0.1.1/",
    ],
)  # fmt: skip
def test_what_could_be_read_in_two_ways_is_no_address(url):
    with pytest.raises(BadAddress):
        parsed(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://civitai.com/", "https://civitai.com:8443/", "https://civitai.com.evil.example/", "https://evilcivitai.com/",
        "https://127.0.0.1/", "https://169.254.169.254/latest/", "https://[::1]/", "https://localhost/",
        "https://сivitai.com/", "https://hub.example/", "http://127.0.0.1:8000/", "https://①②⑦.⓪.⓪.①/",
    ],
)  # fmt: skip
def test_by_default_only_known_servers_are_asked(url):
    with pytest.raises(BadAddress):
        trusted(parsed(url), HOSTS)


def test_what_operators_allow():
    assert trusted(parsed("https://anything.example/"), ["*"]) is False
    assert trusted(parsed("http://10.0.0.5:8000/models/1"), ["http://10.0.0.5:8000"]) is True
    assert trusted(parsed("https://hub.lan/x"), ["https://hub.lan/"]) is True
    assert trusted(parsed("http://127.0.0.1:4711/x"), ["http://127.0.0.1:*"]) is True
    for url, entries in {
        "https://127.0.0.1/": ["*"],
        "https://8.8.8.8/": ["*"],
        "http://10.0.0.5:8001/": ["http://10.0.0.5:8000"],
        "https://10.0.0.5:8000/": ["http://10.0.0.5:8000"],
        "https://huggingface.co/": ["*.huggingface.co"],
        "http://127.0.0.1.example:1/": ["http://127.0.0.1:*"],
    }.items():
        with pytest.raises(BadAddress):
            trusted(parsed(url), entries)


@pytest.mark.parametrize(
    "ip",
    [
        "127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "100.100.100.200",         "192.0.0.170", "192.0.2.1", "198.18.0.1", "203.0.113.9", "224.0.0.1", "240.0.0.1",
        "255.255.255.255",
        "::", "::1", "::127.0.0.1", "::ffff:7f00:1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1",
        "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:0:0:0:0:80ff:fffe", "fe80::1",
        "fec0::1", "fc00::1",         "fd00:ec2::254",
        "ff02::1", "2001:db8::1", "100::1", "fe80::1%eth0", "nonsense", "",
    ],
)  # fmt: skip
def test_no_address_of_a_private_network_is_public(ip):
    assert not is_public(ip)


@pytest.mark.parametrize(
    "ip", ["8.8.8.8", "104.18.22.206", "2606:4700::6812:16ce", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses(ip):
    assert is_public(ip)


@given(st.ip_addresses(v=4))
def test_an_address_wrapped_in_another_is_judged_as_itself(ip):
    for wrapped in (f"::ffff:{ip}", str(ipaddress.IPv6Address((0x64FF9B << 96) | int(ip)))):
        assert is_public(wrapped) == is_public(str(ip))


@settings(max_examples=50)
@given(st.text(max_size=60))
def test_whatever_is_written_is_an_address_or_refused(text):
    try:
        address = parsed(f"https://{text}")
    except BadAddress:
        return
    assert address.host.isascii()
    assert parsed(address.url) == address, "read again, it is the same"
