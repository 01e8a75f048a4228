package fake

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// point is a question that the documentation of Bookbag leaves open. The first
// token is the default of the fakes.
type point struct {
	id     string
	tokens []string
}

// points are the open points of both APIs.
var points = []point{
	{"stream-metadata", []string{"metadata", "messageMetadata", "flat"}},
	{"finish-reason", []string{"beside", "inside"}},
	{"text-delta", []string{"text", "delta"}},
	{"stream-error", []string{"errorText", "object", "envelope"}},
	{"conversation-id", []string{"string", "number"}},
	{"message-id", []string{"string", "number"}},
	{"tool-call", []string{"stored", "frame"}},
	{"continue-without-message", []string{"accepted", "400"}},
	{"tool-result-ready", []string{"at-once", "404-first"}},
	{"disconnect", []string{"turn-continues", "turn-ends"}},
	{"foreign-conversation", []string{"not-checked", "404", "400"}},
	{"anonymous-userid", []string{"ignored", "adopted", "400"}},
	{"taken-over", []string{"stored", "400", "replied"}},
	{"widget-conversations", []string{"readable", "export-only"}},
	{"unknown-user", []string{"empty", "404"}},
	{"rate-limit-reset", []string{"epoch-seconds", "epoch-ms", "seconds-left"}},
	{"v1-limit", []string{"shared", "separate"}},
	{"upsert-attributes", []string{"merge", "replace"}},
	{"upsert-batch", []string{"atomic", "partial"}},
	{"unknown-attribute", []string{"dropped", "400"}},
	{"external-id-case", []string{"exact", "folded"}},
	{"per-page-out-of-range", []string{"clamped", "400"}},
	{"feedback-null", []string{"clears", "400"}},
}

// Readings returns the tokens of each open point by its id, the default first.
func Readings() map[string][]string {
	all := map[string][]string{}
	for _, p := range points {
		all[p.id] = slices.Clone(p.tokens)
	}
	return all
}

// Choice is a token for every open point, by its id.
type Choice map[string]string

// NewChoice returns the defaults with the readings in their place. The error is
// a *ReadingError.
func NewChoice(readings map[string]string) (Choice, error) {
	all := Readings()
	c := Choice{}
	for id, tokens := range all {
		c[id] = tokens[0]
	}
	for _, id := range slices.Sorted(maps.Keys(readings)) {
		token := readings[id]
		switch tokens, known := all[id]; {
		case !known:
			return nil, &ReadingError{ID: id, Token: token, Known: slices.Sorted(maps.Keys(all))}
		case !slices.Contains(tokens, token):
			return nil, &ReadingError{ID: id, Token: token, Known: tokens}
		}
		c[id] = token
	}
	return c, nil
}

// ReadingError reports an unknown id, for which Known lists the ids, or an
// unknown token, for which Known lists the tokens of the id.
type ReadingError struct {
	ID    string
	Token string
	Known []string
}

func (e *ReadingError) Error() string {
	known := strings.Join(e.Known, ", ")
	if _, ok := Readings()[e.ID]; !ok {
		return fmt.Sprintf("Options.Readings: unknown id %.40q (use one of %s)", e.ID, known)
	}
	return fmt.Sprintf("Options.Readings[%q]: unknown token %.40q (use one of %s)", e.ID, e.Token, known)
}
