package main

import "slices"

// spread is the median of figures and the range of the middle 80 %. The other figures are
// from rounds in which the machine was busy with something else.
type spread struct{ median, low, high float64 }

func spreadOf(figures []float64) spread {
	sorted := slices.Sorted(slices.Values(figures))
	n := len(sorted)
	if n == 0 {
		return spread{}
	}
	return spread{(sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[n/10], sorted[n-1-n/10]}
}

// ratios returns the spread of a's time divided by b's, each within one round.
func ratios(a, b measured) spread {
	figures := make([]float64, len(a))
	for i := range a {
		figures[i] = a[i].ns / b[i].ns
	}
	return spreadOf(figures)
}

func (m measured) ns() float64     { return m.median(func(s sample) float64 { return s.ns }) }
func (m measured) allocs() float64 { return m.median(func(s sample) float64 { return s.allocs }) }

func (m measured) median(of func(sample) float64) float64 {
	figures := make([]float64, len(m))
	for i, s := range m {
		figures[i] = of(s)
	}
	return spreadOf(figures).median
}
