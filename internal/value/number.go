package value

import (
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// resolveInteger is for an integer in its decimal form. A float64, the only number
// of JavaScript, holds each one up to the largest.
func resolveInteger(text string) (resolved, string) {
	const largest = 1<<53 - 1
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n > largest || n < -largest {
		return resolved{}, "must be an integer from -(2^53-1) to 2^53-1, as JavaScript cannot hold others exactly (pass it as a string)"
	}
	return simple(Number, text), ""
}

func resolveFloat(r reflect.Value) (resolved, string) {
	if math.IsNaN(r.Float()) || math.IsInf(r.Float(), 0) {
		return resolved{}, "must be a finite number (leave it out, or pass nil)"
	}
	text, _ := json.Marshal(r.Interface()) // never fails for a finite number
	return simple(Number, string(text)), ""
}

// resolveNumber is for the text of a json.Number.
func resolveNumber(text string) (resolved, string) {
	switch {
	case strings.Trim(text, "+-.0123456789eE") != "" || !json.Valid([]byte(text)):
		return resolved{}, "must be a number in the form of JSON"
	case !strings.ContainsAny(text, ".eE"):
		return resolveInteger(text)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || digits(text) != digits(strconv.FormatFloat(f, 'e', -1, 64)) {
		return resolved{}, "must be a number that a float64 holds exactly (pass it as a string)"
	}
	return simple(Number, text), ""
}

// digits returns the significant digits of a number. Two numbers with the same
// digits, of which one is the nearest float64 to the other, are equal.
func digits(text string) string {
	mantissa, _, _ := strings.Cut(strings.ToLower(text), "e")
	return strings.Trim(strings.Replace(strings.TrimPrefix(mantissa, "-"), ".", "", 1), "0")
}
