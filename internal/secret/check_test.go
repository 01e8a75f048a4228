package secret

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCheck(t *testing.T) {
	for _, secret := range []string{
		"your_secret_key_here", "a secret that is long", "ein Schlüssel 🔑", "oc_live_4f1b", "c2VjcmV0==", "it's", `say "x" now`,
		"$2a$10$N9qo8uLO", "a${b}", "<a", "a>", "100%", "%a", "a$b", "{a}", "$a-b", "p{{x",
	} {
		assert.Empty(t, Check(secret), secret)
	}
	for cause, secrets := range map[string][]string{
		"is the variable set":      {""},
		"UTF-16":                   {"\xff\xfes\x00e\x00", "a\xffb"},
		"byte order mark":          {"\ufeffsekret"},
		"is there a line end":      {"sekret\n", "sekret\r\n", " sekret", "\tsekret", "sekret\u00a0", "sekret\u2028", " "},
		"docker's --env-file":      {`"sekret"`, "'sekret'", "`sekret`", "“sekret”", "«sekret»", `"sekret`, `sekret'`, `"`},
		"control characters":       {"sek\nret", "sek\x00ret", "sekret\x7f", "sek\u0081ret", "sek\u200bret", "sekret\ufeff", "sek\u202eret", "\u200bsekret"},
		"is the variable expanded": {"${SECRET}", "${SECRET:-x}", "${{ secrets.KEY }}", "$(SECRET)", "$SECRET", "$secret_1", "$", "<your secret>", "{{ .Secret }}", "%SECRET%"},
	} {
		for _, secret := range secrets {
			assert.Contains(t, Check(secret), cause, "%q", secret)
		}
	}
}
