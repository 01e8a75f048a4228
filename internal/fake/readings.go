package fake

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Points are the questions that the documentation of Bookbag's APIs leaves open: an
// id, and the tokens of its readings. The first is the default of the fakes.
var Points = [][]string{
	{"stream-metadata", "metadata", "messageMetadata", "flat"},
	{"finish-reason", "beside", "inside"},
	{"text-delta", "text", "delta"},
	{"stream-error", "errorText", "object", "envelope"},
	{"conversation-id", "string", "number"},
	{"message-id", "string", "number"},
	{"tool-call", "stored", "frame"},
	{"continue-without-message", "accepted", "400"},
	{"tool-result-ready", "at-once", "404-first"},
	{"disconnect", "turn-continues", "turn-ends"},
	{"foreign-conversation", "not-checked", "404", "400"},
	{"anonymous-userid", "ignored", "adopted", "400"},
	{"taken-over", "stored", "400", "replied"},
	{"widget-conversations", "readable", "export-only"},
	{"unknown-user", "empty", "404"},
	{"rate-limit-reset", "epoch-seconds", "epoch-ms", "seconds-left"},
	{"v1-limit", "shared", "separate"},
	{"upsert-attributes", "merge", "replace"},
	{"upsert-batch", "atomic", "partial"},
	{"unknown-attribute", "dropped", "400"},
	{"external-id-case", "exact", "folded"},
	{"per-page-out-of-range", "clamped", "400"},
	{"feedback-null", "clears", "400"},
}

// Choose returns a token for every open point: that of readings, or the default. An
// unknown id or token is an error.
func Choose(readings map[string]string) (map[string]string, error) {
	all, chosen := map[string][]string{}, map[string]string{}
	for _, p := range Points {
		all[p[0]], chosen[p[0]] = p[1:], p[1]
	}
	for _, id := range slices.Sorted(maps.Keys(readings)) {
		tokens, token := all[id], readings[id]
		switch {
		case tokens == nil:
			return nil, fmt.Errorf("Options.Readings: unknown id %.40q (use one of %s)", id, strings.Join(slices.Sorted(maps.Keys(all)), ", "))
		case !slices.Contains(tokens, token):
			return nil, fmt.Errorf("Options.Readings[%q]: unknown token %.40q (use one of %s)", id, token, strings.Join(tokens, ", "))
		}
		chosen[id] = token
	}
	return chosen, nil
}
