package value

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// maxInteger is the largest integer below which a float64, the only number of
// JavaScript, holds each one.
const maxInteger = 1<<53 - 1

const (
	tooLarge  = "must be an integer from -(2^53-1) to 2^53-1, as JavaScript cannot hold others exactly (pass it as a string)"
	notFinite = "must be a finite number (leave it out, or pass nil)"
	notNumber = "must be a number in the form of JSON"
	inexact   = "must be a number that a float64 holds exactly (pass it as a string)"
)

func checkInteger(n int64) (rule string) {
	if n > maxInteger || n < -maxInteger {
		return tooLarge
	}
	return ""
}

func checkFloat(f float64) (rule string) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return notFinite
	}
	return ""
}

// checkNumber is for a number in its decimal form.
func checkNumber(s string) (rule string) {
	switch {
	case s == "" || strings.Trim(s, "+-.0123456789eE") != "" || !json.Valid([]byte(s)):
		return notNumber
	case !strings.ContainsAny(s, ".eE"):
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return tooLarge
		}
		return checkInteger(n)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || parseDecimal(s) != parseDecimal(strconv.FormatFloat(f, 'e', -1, 64)) {
		return inexact
	}
	return ""
}

// decimal is a number as its sign, its significant digits, and the power of ten
// of a decimal point before them: two forms of one number are equal.
type decimal struct {
	negative bool
	digits   string
	exponent int
}

func parseDecimal(s string) decimal {
	rest, negative := strings.CutPrefix(s, "-")
	mantissa, power, _ := strings.Cut(strings.ToLower(rest), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	exponent, _ := strconv.Atoi(power) // no number that ParseFloat accepts as other than zero has an exponent beyond int
	digits := strings.TrimLeft(whole+fraction, "0")
	exponent += len(digits) - len(fraction)
	digits = strings.TrimRight(digits, "0")
	if digits == "" {
		return decimal{}
	}
	return decimal{negative, digits, exponent}
}

// appendNumber writes a float as JavaScript does.
func (p resolved) appendNumber(dst []byte) []byte {
	switch {
	case p.text != "":
		return append(dst, p.text...)
	case p.bits == 0:
		return strconv.AppendInt(dst, p.integer, 10)
	}
	format, size := byte('f'), math.Abs(p.float)
	if size != 0 && (size < 1e-6 || size >= 1e21) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, p.float, format, -1, p.bits)
	if n := len(dst); format == 'e' && string(dst[n-4:n-1]) == "e-0" {
		dst = append(dst[:n-2], dst[n-1]) // 1e-7, not 1e-07
	}
	return dst
}
