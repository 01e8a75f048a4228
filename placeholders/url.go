package placeholders

import (
	"bytes"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/chatident/chatident/internal/pathsegment"
)

// shape is what of a URL no value may change. The origin is the template's own
// text; and as values are percent-encoded but for unreserved characters, no
// value begins or ends a segment, a parameter or a fragment. What is left to be
// looked at is what a whole segment means.
type shape struct {
	origin   string   // "https://api.example.com"
	segments []string // for each path segment, the first placeholder in it, or ""
	joints   int      // how many & and = the query has
}

// urlParser walks over a URL template.
type urlParser struct {
	*parser
	shape   shape
	inQuery bool
	query   pairs
	segment segment
}

// segment is the path segment that is being read.
type segment struct {
	text   []byte // its literal text
	offset int
	name   string // the first placeholder in it
}

// url checks a URL, and tells for each placeholder where it stands.
func (p *parser) url() *shape {
	u := &urlParser{parser: p, query: pairs{place: urlQuery}}
	length := u.origin()
	if len(p.faults) > 0 {
		return nil // where the path begins is not known
	}
	for i := range p.pieces {
		piece := &p.pieces[i]
		if piece.name != "" {
			u.placeholder(piece)
			continue
		}
		text := piece.text
		for k := range len(text) {
			if i == 0 && k < length {
				continue
			}
			if rule := u.literal(text, k, piece.offset+k); rule != "" {
				p.fault(piece.offset+k, rule)
				return nil // one stray character is often followed by many
			}
		}
	}
	u.finish()
	if len(p.faults) > 0 {
		return nil
	}
	return &u.shape
}

// origin reads scheme, host and port, and returns their length.
func (u *urlParser) origin() int {
	const inside = "a placeholder must not stand in the scheme, the user information, the host or the port of a URL: " +
		"it must stand in a path segment or in the value of a query parameter"
	text := ""
	if len(u.pieces) > 0 {
		text = u.pieces[0].text
	}
	scheme, rest, ok := strings.Cut(text, "://")
	end := strings.IndexAny(rest, "/?#\\")
	switch {
	case len(u.pieces) > 0 && text == "", len(u.pieces) > 1 && u.pieces[1].name != "" && (!ok || end < 0):
		u.fault(u.firstPlaceholder(), inside)
		return 0
	case !ok || scheme != "https" && scheme != "http":
		u.fault(0, "a URL must begin with https://")
		return 0
	case end < 0:
		end = len(rest)
	}
	at := len(scheme) + len("://")
	if rule := checkOrigin(scheme, rest[:end]); rule != "" {
		u.fault(at, rule)
	}
	u.shape.origin = text[:at+end]
	return at + end
}

func (u *urlParser) firstPlaceholder() int {
	for _, piece := range u.pieces {
		if piece.name != "" {
			return piece.offset
		}
	}
	return 0
}

// checkOrigin wants a host as it is sent, and https unless it is this machine.
func checkOrigin(scheme, authority string) string {
	if strings.Contains(authority, "@") {
		return "a URL must have no user information"
	}
	host, port, hasPort := authority, "", false
	if v6, rest, ok := strings.Cut(authority, "]"); ok {
		host = v6 + "]"
		_, port, hasPort = strings.Cut(rest, ":")
		if rest != "" && rest[0] != ':' {
			return "a URL must have a host"
		}
	} else {
		host, port, hasPort = strings.Cut(authority, ":")
	}
	if n, err := strconv.ParseUint(port, 10, 16); hasPort && (err != nil || n == 0) {
		return "a URL must have a port from 1 to 65535, or none"
	}
	switch {
	case !isHost(host):
		return "a URL must have a host, as a name of ASCII or an address"
	case scheme == "http" && !isLoopback(strings.Trim(host, "[]")):
		return "a URL must begin with https://, unless its host is this machine"
	}
	return ""
}

func isHost(host string) bool {
	if v6, ok := strings.CutPrefix(host, "["); ok {
		addr, err := netip.ParseAddr(strings.TrimSuffix(v6, "]"))
		return err == nil && addr.Is6() && addr.Zone() == "" && strings.HasSuffix(v6, "]")
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || strings.ContainsFunc(label, func(r rune) bool {
			return r >= 0x80 || !unreserved.has(byte(r)) || r == '~'
		}) {
			return false
		}
	}
	return true
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (u *urlParser) placeholder(piece *piece) {
	if u.inQuery {
		if rule := u.query.placeholder(piece); rule != "" {
			u.fault(piece.offset, rule)
		}
		return
	}
	piece.place = urlPath
	if u.segment.name == "" {
		u.segment.name = piece.name
	}
}

// literal takes the next byte of the template's own text, and returns the rule
// that it breaks.
func (u *urlParser) literal(text string, i, offset int) string {
	switch c := text[i]; {
	case c == '#':
		return "a URL must have no fragment: it would not be sent"
	case u.inQuery:
		if c == '&' || c == '=' {
			u.shape.joints++
		}
		return u.query.literal(text, i)
	case c == '?':
		u.endSegment(false)
		u.inQuery = true
	case c == '/':
		u.endSegment(true)
		u.segment = segment{offset: offset + 1}
	case c == '%' && !escaped(text, i):
		return "a % must be followed by two hexadecimal digits"
	case !unreserved.has(c) && !strings.ContainsRune("!$&'()*+,;=:@%", rune(c)):
		return "must be percent-encoded: this character has no place here as itself"
	default:
		u.segment.text = append(u.segment.text, c)
	}
	return ""
}

// finish takes the end of the template.
func (u *urlParser) finish() {
	if !u.inQuery {
		u.endSegment(false)
	} else if rule := u.query.end(); rule != "" {
		u.fault(len(u.src), rule)
	}
}

// endSegment checks the segment that was read. What is before the first slash
// is none, but is counted: it is always empty.
func (u *urlParser) endSegment(more bool) {
	s := &u.segment
	first := len(u.shape.segments) == 0
	u.shape.segments = append(u.shape.segments, s.name)
	rule := ""
	switch {
	case first:
	case s.name != "":
		rule = literalRule(s.text)
	case len(s.text) > 0:
		rule = fixedRule(s.text)
	case more:
		rule = "a path must have no empty segment: some servers take it out"
	}
	if rule != "" {
		u.fault(s.offset, rule)
	}
}

// literalRule is for the template's part of a segment with placeholders: the
// values are not known yet, so that it may be empty or dots.
func literalRule(text []byte) string {
	fault := pathsegment.Check(appendDecoded(nil, text))
	if fault == pathsegment.Empty || fault == pathsegment.Dots {
		return ""
	}
	return segmentRules[fault]
}

// fixedRule is for a segment without placeholders. An encoded slash is allowed
// there, since some services want it, but nothing that a server collapses.
func fixedRule(text []byte) string {
	return segmentRules[pathsegment.CheckParts(appendDecoded(nil, text))]
}

// segmentRule is for a whole segment as it is sent.
func segmentRule(s []byte) string {
	var buffer [256]byte // enough for nearly all, so that nothing is allocated
	return segmentRules[pathsegment.Check(appendDecoded(buffer[:0], s))]
}

var segmentRules = [...]string{
	pathsegment.None:    "",
	pathsegment.NotUTF8: "must not make a path segment that is not UTF-8 when it has been decoded",
	pathsegment.Control: "must not put control characters into a path segment",
	pathsegment.Slash:   "must not put a slash or a backslash into a path segment, encoded or not",
	pathsegment.Encoded: "must not put into a path segment what looks percent-encoded when it has been decoded",
	pathsegment.Empty:   "must not leave a path segment empty",
	pathsegment.Dots:    "must not make a path segment of dots and spaces alone, with what stands beside it",
}

func appendDecoded(dst, s []byte) []byte {
	for i := 0; i < len(s); {
		c, n := decoded(s, i)
		dst = append(dst, c)
		i += n
	}
	return dst
}

// check wants the shape in a rendered URL, and sees each segment with a
// placeholder as a server would.
func (s *shape) check(rendered []byte) (name, rule string) {
	path, query, _ := bytes.Cut(rendered[len(s.origin):], []byte("?"))
	count := 0
	for more := true; more; count++ {
		var segment []byte
		segment, path, more = bytes.Cut(path, []byte("/"))
		if count < len(s.segments) && s.segments[count] != "" {
			if rule := segmentRule(segment); rule != "" {
				return s.segments[count], rule
			}
		}
	}
	if count != len(s.segments) || bytes.Count(query, []byte("&"))+bytes.Count(query, []byte("=")) != s.joints {
		return "", changed // no value does: they are all encoded
	}
	return "", ""
}

const changed = "must have the scheme, host and path segments of its template"

// same parses a rendered URL as net/http will, and compares it with the shape.
func (s *shape) same(rendered string) bool {
	want, err := url.Parse(s.origin)
	if err != nil {
		return false
	}
	got, err := url.Parse(rendered)
	return err == nil && got.Scheme == want.Scheme && got.Host == want.Host && got.User == nil && got.Opaque == "" &&
		got.Fragment == "" && strings.Count(got.EscapedPath(), "/") == len(s.segments)-1
}
