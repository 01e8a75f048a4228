package identity

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chatident/chatident/internal/testenv"
	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOpen_ReturnsWhatWasMinted(t *testing.T) {
	token, err := newTestMinter(t, nil).Mint(full())
	require.NoError(t, err)
	opened, err := newTestOpener(t).Open(token)
	require.NoError(t, err)

	want := full()
	want.User.Extra["orders"] = json.Number("3")
	want.User.Extra["address"] = map[string]any{"city": "London", "a.b": json.Number("1")}
	delete(want.Integrations.Services, "empty")
	assert.Equal(t, want, opened.Payload)
	assert.Equal(t, time.Hour, opened.ExpiresAt.Sub(opened.IssuedAt))
}

// A token whose number another reader would round is no token of Mint.
func TestOpen_RejectsNumbersThatJavaScriptRounds(t *testing.T) {
	for _, claims := range []string{
		`{"userDetail":{"id":"1","n":9007199254740993},"integrations":{},"iat":1,"exp":99999999999}`,
		`{"userDetail":{"id":"1"},"integrations":{"crm":{"n":[9007199254740993]}},"iat":1,"exp":99999999999}`,
	} {
		_, err := newTestOpener(t).Open(sealRaw(t, claims, nil))
		var fe *FieldError
		require.ErrorAs(t, err, &fe)
		assert.Contains(t, fe.Field, `["n"]`)
		assert.Contains(t, fe.Rule, "JavaScript cannot hold others")
	}
}

func TestOpen_ExpiryIsExclusive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, o := newTestMinter(t, &Options{TTL: 10 * time.Second}), newTestOpener(t)
		token, err := m.Mint(full())
		require.NoError(t, err)
		time.Sleep(10*time.Second - 1)
		_, err = o.Open(token)
		require.NoError(t, err)
		time.Sleep(time.Nanosecond)
		_, err = o.Open(token)
		require.ErrorIs(t, err, ErrExpired)
	})
}

func TestNewOpener_NumberOfKeys(t *testing.T) {
	_, err := NewOpener()
	requireField(t, err, "keys", "must be 1 to 3, got 0")
	k := testKey(t)
	_, err = NewOpener(k, k, k)
	require.NoError(t, err)
	_, err = NewOpener(k, k, k, k)
	requireField(t, err, "keys", "must be 1 to 3, got 4")
}

// What go-jose accepts for dir, or a JWE library might, and Open does not.
func TestOpen_RejectsMalformedTokens(t *testing.T) {
	const claims = `{"userDetail":{"id":"1"},"integrations":{},"iat":1,"exp":99999999999}`
	good := sealRaw(t, claims, nil)
	_, err := newTestOpener(t).Open(good)
	require.NoError(t, err, "the token that the others are made of")

	parts := strings.Split(good, ".")
	with := func(i int, s string) string {
		changed := append([]string{}, parts...)
		changed[i] = s
		return strings.Join(changed, ".")
	}
	header := func(json string) string { return with(0, base64.RawURLEncoding.EncodeToString([]byte(json))) }
	extra := func(name jose.HeaderKey, v any) *jose.EncrypterOptions {
		return (&jose.EncrypterOptions{}).WithHeader(name, v)
	}
	ciphertext := parts[3]
	for name, token := range map[string]string{
		"empty":                     "",
		"dots":                      "....",
		"four segments":             strings.Join(parts[:4], "."),
		"six segments":              good + ".",
		"key segment":               with(1, "AAAA"),
		"LF at the end":             good + "\n",
		"CRLF at the end":           good + "\r\n",
		"LF in the header":          with(0, parts[0][:4]+"\n"+parts[0][4:]),
		"LF in the ciphertext":      with(3, ciphertext[:4]+"\n"+ciphertext[4:]),
		"LF in the tag":             with(4, parts[4][:4]+"\n"+parts[4][4:]),
		"space":                     " " + good,
		"padding":                   good + "==",
		"standard alphabet":         with(3, strings.NewReplacer("-", "+", "_", "/").Replace(strings.Repeat("-_", 8)+ciphertext)),
		"stray bits in the tag":     with(4, strayBits(parts[4])),
		"tag of 19 bytes":           with(3, ciphertext[:len(ciphertext)-4])[:len(good)-4-22] + ciphertext[len(ciphertext)-4:] + parts[4],
		"tag of 12 bytes":           with(4, parts[4][:16]),
		"no tag":                    with(4, ""),
		"nonce of 15 characters":    with(2, parts[2][1:]),
		"nonce of 16 bytes":         with(2, strings.Repeat("A", 22)),
		"no nonce":                  with(2, ""),
		"other nonce":               with(2, strings.Repeat("A", 16)),
		"no ciphertext":             with(3, ""),
		"cut ciphertext":            with(3, ciphertext[4:]),
		"one bit of ciphertext":     with(3, flip(ciphertext)),
		"one bit of the tag":        with(4, flip(parts[4])),
		"header with white space":   header(`{"alg":"dir", "enc":"A128GCM"}`),
		"header of another order":   header(`{"enc":"A128GCM","alg":"dir"}`),
		"header twice alg":          header(`{"alg":"dir","alg":"dir","enc":"A128GCM"}`),
		"header no JSON":            header(`dir`),
		"alg none":                  header(`{"alg":"none","enc":"A128GCM"}`),
		"alg A128KW":                header(`{"alg":"A128KW","enc":"A128GCM"}`),
		"enc A256GCM":               header(`{"alg":"dir","enc":"A256GCM"}`),
		"enc A128CBC-HS256":         header(`{"alg":"dir","enc":"A128CBC-HS256"}`),
		"compressed":                sealRaw(t, claims, &jose.EncrypterOptions{Compression: jose.DEFLATE}),
		"crit":                      sealRaw(t, claims, extra("crit", []string{"exp"})),
		"unknown header":            sealRaw(t, claims, extra("x", 1)),
		"cty":                       sealRaw(t, claims, extra("cty", "JWT")),
		"nonce header":              sealRaw(t, claims, extra("nonce", "")),
		"x5c":                       sealRaw(t, claims, extra("x5c", []string{})),
		"null zip":                  sealRaw(t, claims, extra("zip", nil)),
		"null jwk":                  sealRaw(t, claims, extra("jwk", nil)),
		"null kid":                  sealRaw(t, claims, extra("kid", nil)),
		"typ of a number":           sealRaw(t, claims, extra("typ", 5)),
		"12,289 characters":         sealRaw(t, claims+strings.Repeat(" ", 9156-len(claims)), nil),
		"20 MB":                     with(3, strings.Repeat("A", 20<<20)),
		"JWS":                       "eyJhbGciOiJIUzI1NiJ9.e30.AAAA",
		"JSON serialization of JWE": `{"protected":"","ciphertext":""}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newTestOpener(t).Open(token)
			require.Equal(t, ErrInvalidToken, err)
		})
	}

	for _, nonce := range []string{"", parts[2][1:], strings.Repeat("A", 22)} {
		assert.False(t, wellFormed(with(2, nonce)), "rejected before go-jose is called")
	}

	longest := sealRaw(t, claims+strings.Repeat(" ", 9155-len(claims)), nil)
	require.Equal(t, 12*1024, len(longest))
	_, err = newTestOpener(t).Open(longest)
	require.NoError(t, err)

	for _, o := range []*jose.EncrypterOptions{extra("kid", "k1"), extra("typ", "JWT")} {
		_, err := newTestOpener(t).Open(sealRaw(t, claims, o))
		require.NoError(t, err, "kid and typ are tolerated")
	}
	other, err := NewOpener(mustKey(t, strings.Repeat("ab", 16)))
	require.NoError(t, err)
	_, err = other.Open(good)
	require.Equal(t, ErrInvalidToken, err, "another key")
}

// strayBits sets a bit of the last character that decodes to nothing.
func strayBits(segment string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, segment[len(segment)-1])
	return segment[:len(segment)-1] + string(alphabet[last^1])
}

func flip(segment string) string {
	first := byte('A')
	if segment[0] == first {
		first = 'B'
	}
	return string(first) + segment[1:]
}

func TestOpen_RejectsClaims(t *testing.T) {
	const times = `"iat":1,"exp":99999999999`
	for claims, want := range map[string]FieldError{
		``:                      {"claims", "must be a JSON object"},
		`[]`:                    {"claims", "must be a JSON object"},
		`"eyJhbGciOiJub25lIn0"`: {"claims", "must be a JSON object"},
		`{"userDetail":{"id":"1"},` + times + `} {}`:           {"claims", "must be one JSON object"},
		`{"userDetail":{"id":"` + "\xff" + `"},` + times + `}`: {"claims", "must be valid UTF-8"},
		`null`: {"claims", "must be a JSON object"},
		`{"userDetail":{"id":"1"},"exp":99999999999}`:                 {"iat", "must be there"},
		`{"userDetail":{"id":"1"},"iat":1}`:                           {"exp", "must be there"},
		`{"userDetail":{"id":"1"},"iat":1,"exp":"99999999999"}`:       {"exp", "must be a whole number of seconds"},
		`{"userDetail":{"id":"1"},"iat":1.5,"exp":99999999999}`:       {"iat", "must be a whole number of seconds"},
		`{"userDetail":{"id":"1"},"iat":1,"exp":9223372036854775807}`: {"exp", "must be a whole number of seconds"},
		`{"userDetail":{"id":"1"},"iat":-1,"exp":99999999999}`:        {"iat", "must be a whole number of seconds"},
		`{"userDetail":{"id":"1"},"iat":1,"exp":1e99}`:                {"exp", "must be a whole number of seconds"},
		`{"userDetail":{"id":"1"},"nbf":1,` + times + `}`:             {`claims["nbf"]`, "must not be there: the roots are userDetail, integrations, iat and exp"},
		`{"UserDetail":{"id":"1"},` + times + `}`:                     {`claims["UserDetail"]`, "must not be there: the roots are userDetail, integrations, iat and exp"},
		`{` + times + `}`:                                                                        {"userDetail", "must have an id or an email (for a visitor who is not signed in, return no payload)"},
		`{"userDetail":{"ID":"1"},` + times + `}`:                                                {"userDetail", "must have an id or an email (for a visitor who is not signed in, return no payload)"},
		`{"userDetail":"1",` + times + `}`:                                                       {"userDetail", "must be an object"},
		`{"userDetail":{"id":1},` + times + `}`:                                                  {"userDetail.id", "must be a string"},
		`{"userDetail":{"id":"1","a.b":1},` + times + `}`:                                        {`userDetail["a.b"]`, "must not have a dot in its key"},
		`{"userDetail":{"id":"1"},"integrations":[],` + times + `}`:                              {"integrations", "must be an object"},
		`{"userDetail":{"id":"1"},"integrations":{"crm":1},` + times + `}`:                       {`integrations["crm"]`, "must be an object"},
		`{"userDetail":{"id":"1"},"integrations":{"stripe":{"customerId":1}},` + times + `}`:     {"integrations.stripe.customerId", "must be a string"},
		`{"userDetail":{"id":"1"},"integrations":{"stripe":{"customer":"cus_1"}},` + times + `}`: {`integrations.stripe["customer"]`, "must not be there: the keys are customerId and subscriptionStatus"},
	} {
		_, err := newTestOpener(t).Open(sealRaw(t, claims, nil))
		var fe *FieldError
		require.ErrorAs(t, err, &fe, claims)
		require.Equal(t, want, *fe, claims)
	}

	_, err := newTestOpener(t).Open(sealRaw(t, `{"userDetail":{"id":"1","name":"Ada","fullName":"Grace"},`+times+`}`, nil))
	var fe *FieldError
	require.ErrorAs(t, err, &fe)
	require.Equal(t, "must be the same in name and fullName", fe.Rule)
}

func TestOpen_Tolerates(t *testing.T) {
	for claims, want := range map[string]Payload{
		`"userDetail":{"id":"1","fullName":"Ada","email":null}`:  {User: UserDetail{ID: "1", Name: "Ada"}},
		`"userDetail":{"id":"1","name":"","fullName":"Ada"}`:     {User: UserDetail{ID: "1", Name: "Ada"}},
		`"userDetail":{"id":"1","name":"Ada","fullName":""}`:     {User: UserDetail{ID: "1", Name: "Ada"}},
		`"userDetail":{"id":"1"},"integrations":null`:            {User: UserDetail{ID: "1"}},
		`"userDetail":{"id":"1"},"integrations":{"stripe":null}`: {User: UserDetail{ID: "1"}},
	} {
		for range 20 { // whatever the order in which a map is walked
			opened, err := newTestOpener(t).Open(sealRaw(t, `{`+claims+`,"iat":1,"exp":99999999999}`, nil))
			require.NoError(t, err, claims)
			assert.Equal(t, want, opened.Payload, claims)
		}
	}
}

// A token made by jose for Node 6.2.17 with the nonce 10 11 12 ... 1b.
const contractToken = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..EBESExQVFhcYGRob.vwx23Go98opjvDSZ5R2QHF_RFe5a1lGd8LhMYydgacy_qU1ar8WUccGM96a7vTQ5s5qwT5jj94cdcEHX5PVktHwofsVMtUe5vvIVYoGDxUVUuJb7Cqbc_WxKoMWN_N8f_1Sl_9OuyaB-B-ad2QQh6Ci5F5SbtLKVm_7UEPszEsRO_IbBEMnad7kHszc3fR1q7OpBKTmXKjhlycrfNIEvjlasgEW6rZuYQazuxmF1jL0vaXg.UO_a1ZIexGhTIJJ87wXUEg"

func TestOpen_TokenOfTheContract(t *testing.T) {
	o := newTestOpener(t)
	_, err := o.Open(contractToken)
	require.ErrorIs(t, err, ErrExpired)

	plaintext, err := o.plaintext(contractToken)
	require.NoError(t, err)
	opened, err := parseClaims(plaintext)
	require.NoError(t, err)
	assert.Equal(t, Opened{
		Payload: Payload{
			User:         UserDetail{ID: "user-123", Email: "user@example.com", Name: "Ada Lovelace", Plan: "pro"},
			Integrations: Integrations{StripeCustomerID: "cus_123"},
		},
		IssuedAt:  time.Unix(1700000000, 0),
		ExpiresAt: time.Unix(1700003600, 0),
	}, opened)
}

// RFC 7520, section 5.6: direct encryption with A128GCM.
func TestOpen_RFC7520(t *testing.T) {
	const (
		key   = "XctOhJAkA-pD9Lh7ZgW_2A"
		token = "eyJhbGciOiJkaXIiLCJraWQiOiI3N2M3ZTJiOC02ZTEzLTQ1Y2YtODY3Mi02MTdiNWI0NTI0M2EiLCJlbmMiOiJBMTI4R0NNIn0..refa467QzzKx6QAB.JW_i_f52hww_ELQPGaYyeAB6HYGcR559l9TYnSovc23XJoBcW29rHP8yZOZG7YhLpT1bjFuvZPjQS-m0IFtVcXkZXdH_lr_FrdYt9HRUYkshtrMmIUAyGmUnd9zMDB2n0cRDIHAzFVeJUDxkUwVAE7_YGRPdcqMyiBoCO-FBdE-Nceb4h3-FtBP-c_BIwCPTjb9o0SbdcdREEMJMyZBH8ySWMVi1gPD9yxi-aQpGbSv_F9N4IZAxscj5g-NJsUPbjk29-s7LJAGb15wEBtXphVCgyy53CoIKLHHeJHXex45Uz9aKZSRSInZI-wjsY0yu3cT4_aQ3i1o-tiE-F8Ios61EKgyIQ4CWao8PFMj8TTnp.vbb32Xvllea2OtmHAdccRQ"
		text  = "You can trust us to stick with you through thick and thin\u2013to the bitter end. And you can trust us to keep any secret of yours\u2013closer than you keep it yourself. But you cannot trust us to let you face trouble alone, and go off without a " + "word. We are your friends, Frodo."
	)
	plaintext, err := openerOf(t, key).plaintext(token)
	require.NoError(t, err)
	assert.Equal(t, text, string(plaintext))
}

func openerOf(t *testing.T, base64urlKey string) *Opener {
	t.Helper()
	key, err := base64.RawURLEncoding.DecodeString(base64urlKey)
	require.NoError(t, err)
	o, err := NewOpener(mustKey(t, hex.EncodeToString(key)))
	require.NoError(t, err)
	return o
}

func TestOpen_RFC7520File(t *testing.T) {
	var v struct {
		Input struct {
			Plaintext string
			Key       struct{ K string }
		}
		Output struct{ Compact string }
	}
	require.NoError(t, json.Unmarshal(testenv.Shared(t, "vectors", "rfc7520_5_6.json"), &v))
	plaintext, err := openerOf(t, v.Input.Key.K).plaintext(v.Output.Compact)
	require.NoError(t, err)
	assert.Equal(t, v.Input.Plaintext, string(plaintext))
}

// Wycheproof's JWE tests hold one case of dir; the others, of other algorithms,
// must not open whatever their key.
func TestOpen_WycheproofJWE(t *testing.T) {
	var v struct {
		TestGroups []struct {
			Private struct{ Alg, Enc, K string }
			Tests   []struct {
				TcID            int
				PT, JWE, Result string
			}
		}
	}
	require.NoError(t, json.Unmarshal(testenv.Shared(t, "vectors", "wycheproof_json_web_encryption_test.json"), &v))
	opened := 0
	for _, g := range v.TestGroups {
		for _, test := range g.Tests {
			o := newTestOpener(t)
			if key, err := base64.RawURLEncoding.DecodeString(g.Private.K); err == nil && len(key) == keySize {
				o = openerOf(t, g.Private.K)
			}
			plaintext, err := o.plaintext(test.JWE)
			if err != nil {
				require.ErrorIs(t, err, ErrInvalidToken)
				continue
			}
			require.Equal(t, "valid", test.Result, "tcId %d", test.TcID)
			require.Equal(t, test.PT, hex.EncodeToString(plaintext), "tcId %d", test.TcID)
			opened++
		}
	}
	assert.Equal(t, 1, opened)
}

// Wycheproof's AES-GCM tests of our sizes (128-bit key, 96-bit nonce, 128-bit
// tag). A token's additional data is its header, so the file's own ciphertexts
// check the primitive; with each key, nonce and message a token is laid out by
// hand, which opens, and does not with the bits that the file changed in its tag.
func TestOpen_WycheproofAESGCM(t *testing.T) {
	var v struct {
		TestGroups []struct {
			IVSize, KeySize, TagSize int
			Tests                    []struct {
				TcID                               int
				Key, IV, AAD, Msg, CT, Tag, Result string
			}
		}
	}
	require.NoError(t, json.Unmarshal(testenv.Shared(t, "vectors", "wycheproof_aes_gcm_test.json"), &v))
	ran := 0
	for _, g := range v.TestGroups {
		if g.IVSize != 96 || g.KeySize != 128 || g.TagSize != 128 {
			continue
		}
		for _, test := range g.Tests {
			key, iv, msg, tag := unhex(t, test.Key), unhex(t, test.IV), unhex(t, test.Msg), unhex(t, test.Tag)
			block, err := aes.NewCipher(key)
			require.NoError(t, err)
			aead, err := cipher.NewGCM(block)
			require.NoError(t, err)

			want := aead.Seal(nil, iv, msg, unhex(t, test.AAD))
			valid := test.Result == "valid"
			require.Equal(t, valid, test.CT+test.Tag == hex.EncodeToString(want), "tcId %d", test.TcID)

			header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"dir","enc":"A128GCM"}`))
			sealed := aead.Seal(nil, iv, msg, []byte(header))
			if !valid {
				wantTag, gotTag := want[len(msg):], sealed[len(msg):]
				for i := range gotTag {
					gotTag[i] ^= wantTag[i] ^ tag[i]
				}
			}
			token := header + ".." + b64(iv) + "." + b64(sealed[:len(msg)]) + "." + b64(sealed[len(msg):])
			o, err := NewOpener(mustKey(t, test.Key))
			require.NoError(t, err)
			plaintext, err := o.plaintext(token)
			if valid {
				require.NoError(t, err, "tcId %d", test.TcID)
				require.Equal(t, test.Msg, hex.EncodeToString(plaintext), "tcId %d", test.TcID)
			} else {
				require.Equal(t, ErrInvalidToken, err, "tcId %d", test.TcID)
			}
			ran++
		}
	}
	assert.Equal(t, 67, ran)
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
