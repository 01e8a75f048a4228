package placeholders

import (
	"bytes"
	"cmp"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/chatident/chatident/internal/pathsegment"
)

// urlParts is what no value of a URL template may change.
type urlParts struct {
	origin   string   // "https://api.example.com"
	segments []string // for each path segment, the first placeholder in it, or ""
}

// url checks a URL template.
func (s *scanned) url(repeat []string) *urlParts {
	scheme, rest, found := strings.Cut(s.text, "://")
	length := strings.IndexAny(rest+"/", "/?#\\")
	origin := s.text[:len(s.text)-len(rest)+length]
	switch {
	case strings.Contains(origin, nul):
		s.fault(strings.Index(origin, nul), "a placeholder must not be in the scheme, the user information, the host or the port of a URL "+
			"(a placeholder may be in a path segment and in the value of a query parameter)")
		return nil
	case !found || scheme != "https" && scheme != "http":
		s.fault(0, "a URL must begin with https://")
		return nil
	}
	if rule := checkOrigin(scheme, rest[:length]); rule != "" {
		s.fault(len(scheme)+len("://"), rule)
		return nil
	}
	path, query, found := strings.Cut(rest[length:], "?")
	parts := &urlParts{origin, s.path(len(origin), path)}
	if found {
		s.pairs(len(s.text)-len(query), query, inURL, repeat)
	}
	return parts
}

const badHost = "a URL must have a host (a name in ASCII or an address), and a port from 1 to 65535 or none"

// hostName is a host that is sent as it is written.
var hostName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// checkOrigin requires a host as it is sent, and https unless it is this machine.
func checkOrigin(scheme, authority string) string {
	if strings.Contains(authority, "@") {
		return "a URL must have no user information (use the header Authorization)"
	}
	u, err := url.Parse(scheme + "://" + authority)
	if err != nil {
		return badHost
	}
	addr, err := netip.ParseAddr(u.Hostname())
	isAddr := err == nil && addr.Zone() == ""
	port, err := strconv.ParseUint(cmp.Or(u.Port(), "443"), 10, 16)
	switch {
	case !isAddr && !hostName.MatchString(u.Hostname()), strings.HasSuffix(authority, ":"), err != nil || port == 0:
		return badHost
	case scheme == "http" && u.Hostname() != "localhost" && !(isAddr && addr.IsLoopback()):
		return "a URL must begin with https://, unless its host is this machine"
	}
	return ""
}

// path checks the path, which is at byte at of the text, and returns the first
// placeholder of each of its segments.
func (s *scanned) path(at int, path string) (segments []string) {
	s.checkEncoded(at, path, "!$&'()*+,;=:@/")
	all := strings.Split(path, "/")
	for i, segment := range all {
		name, rule := "", segmentRule(segment)
		if placeholders := s.between(at, at+len(segment)); len(placeholders) > 0 {
			name = placeholders[0].name
		} else if segment == "" && 0 < i && i < len(all)-1 {
			rule = "a path must have no empty segment: some servers remove it"
		}
		if rule != "" {
			s.fault(at, rule)
		}
		s.place(at, at+len(segment), inURL, "")
		segments = append(segments, name)
		at += len(segment) + len("/")
	}
	return segments
}

// segmentRule returns the rule that a segment of a template breaks.
func segmentRule(segment string) (rule string) {
	if segment == "" {
		return ""
	}
	if text := strings.ReplaceAll(segment, nul, ""); text != segment {
		fault := pathsegment.Check(appendDecoded(nil, text))
		if fault == pathsegment.Empty || fault == pathsegment.Dots { // the values are not known yet
			fault = pathsegment.None
		}
		return cmp.Or(segmentRules[fault], embedded(string(appendDecoded(nil, segment))))
	}
	decoded := strings.ReplaceAll(string(appendDecoded(nil, segment)), `\`, "/")
	for part := range strings.SplitSeq(decoded, "/") { // some services need a%2Fb
		rule = cmp.Or(rule, segmentRules[pathsegment.Check([]byte(part))])
	}
	return rule
}

var segmentRules = [...]string{
	pathsegment.None:    "",
	pathsegment.NotUTF8: "must not make a path segment that is not UTF-8 when it is decoded",
	pathsegment.Control: "must not put control characters into a path segment",
	pathsegment.Slash:   "must not put a slash or a backslash into a path segment, encoded or not",
	pathsegment.Encoded: "must not put into a path segment what is still percent-encoded after decoding: some servers decode twice",
	pathsegment.Empty:   "must not leave a path segment empty",
	pathsegment.Dots:    "must not make a path segment of dots and spaces alone, together with what is beside it",
}

// check looks at each path segment with a placeholder as a server would: values
// that are harmless one by one may be dots together.
func (u *urlParts) check(rendered []byte) (name, rule string) {
	path, _, _ := bytes.Cut(rendered[len(u.origin):], []byte("?"))
	var buffer [256]byte // enough for nearly every segment, so that nothing is allocated
	for _, name := range u.segments {
		var segment []byte
		if segment, path, _ = bytes.Cut(path, []byte("/")); name == "" {
			continue
		}
		if bytes.IndexByte(segment, '%') >= 0 {
			segment = appendDecoded(buffer[:0], segment)
		}
		if fault := pathsegment.Check(segment); fault != pathsegment.None {
			return name, segmentRules[fault]
		}
	}
	return "", ""
}

// same reports whether net/http will see the origin and the path segments of the
// template in a rendered URL.
func (u *urlParts) same(rendered *url.URL) bool {
	origin := *rendered
	origin.Path, origin.RawPath, origin.RawQuery, origin.ForceQuery = "", "", "", false
	return origin.String() == u.origin && strings.Count(rendered.EscapedPath(), "/") == len(u.segments)-1
}
