package value

import (
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
)

func resolveFloat(r reflect.Value) (Resolved, string) {
	if math.IsNaN(r.Float()) || math.IsInf(r.Float(), 0) {
		return Resolved{}, "must be a finite number (leave it out, or pass nil)"
	}
	text, _ := json.Marshal(r.Interface())    // never fails for a finite number
	if math.Abs(r.Float()) > largestInteger { // without an exponent, it would not be accepted back
		text = strconv.AppendFloat(nil, r.Float(), 'e', -1, r.Type().Bits())
	}
	return Resolved{Kind: Number, Text: string(text)}, ""
}

const largestInteger = 1<<53 - 1 // below which a float64 holds each

// resolveNumber is for the text of a json.Number or an integer. A float64, the only
// number of JavaScript, holds each integer up to the largest.
func resolveNumber(text string) (Resolved, string) {
	if strings.Trim(text, "+-.0123456789eE") != "" || !json.Valid([]byte(text)) {
		return Resolved{}, "must be a number in the form of JSON"
	}
	if !strings.ContainsAny(text, ".eE") {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n > largestInteger || n < -largestInteger {
			return Resolved{}, "must be an integer from -(2^53-1) to 2^53-1, as JavaScript cannot hold others exactly (pass it as a string)"
		}
		return Resolved{Kind: Number, Text: text}, ""
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || digits(text) != digits(strconv.FormatFloat(f, 'e', -1, 64)) {
		return Resolved{}, "must be a number that a float64 holds exactly (pass it as a string)"
	}
	return Resolved{Kind: Number, Text: text}, ""
}

// digits returns the significant digits of a number. Two numbers with the same
// digits, of which one is the nearest float64 to the other, are equal.
func digits(text string) string {
	mantissa, _, _ := strings.Cut(strings.ToLower(text), "e")
	return strings.Trim(strings.Replace(strings.TrimPrefix(mantissa, "-"), ".", "", 1), "0")
}
