package identity

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
)

const (
	// protected is the first part of every token: {"alg":"dir","enc":"A128GCM"}.
	protected = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0"

	nonceSize = 12
	tagSize   = 16
)

// sealer encrypts claims into a token. It overwrites the claims. It is a function because
// no printer shows a key within a function.
type sealer func(claims []byte) string

// newSealer needs no JOSE library: with the algorithm dir, a token consists of a constant
// header and what an AEAD returns. NewGCMWithRandomNonce makes its own nonces, which FIPS
// 140 requires.
func newSealer(key Key) (sealer, error) {
	if err := key.check(); err != nil {
		return nil, err
	}
	block, _ := aes.NewCipher(key.reveal())        // fails for other lengths than ParseKey returns
	aead, _ := cipher.NewGCMWithRandomNonce(block) // fails for other ciphers than AES
	header := []byte(protected)
	return func(claims []byte) string { return compact(aead.Seal(claims[:0], nil, claims, header)) }, nil
}

// compact returns the compact form (RFC 7516, section 3.1) of a nonce, a ciphertext
// and a tag.
func compact(sealed []byte) string {
	end := len(sealed) - tagSize
	nonce, ciphertext, tag := sealed[:nonceSize], sealed[nonceSize:end], sealed[end:]
	encoding := base64.RawURLEncoding
	token := make([]byte, 0, 1024)           // on the stack; a long one outgrows it
	token = append(token, protected+".."...) // the part of a key in between is empty
	token = encoding.AppendEncode(token, nonce)
	token = encoding.AppendEncode(append(token, '.'), ciphertext)
	token = encoding.AppendEncode(append(token, '.'), tag)
	return string(token)
}
