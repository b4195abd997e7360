// Special functions of one argument over a value type V of double precision: SIMD vectors of the CPU, plain doubles of
// host and device. Result is the type that the value is wanted in: fewer terms of a series give a float. On each piece
// of its domain a function is a series, mostly of Chebyshev's, whose coefficients were computed with 40 digits.
// There is no include guard: it is included inside the namespace that holds V's primitives, once for each SIMD target.
// Before it, TENON_FORMULA names the attributes of a function, and TENON_PIECE those of a lambda.

constexpr double kPi = 3.14159265358979323846;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

// From here on the asymptotic series of digamma and trigamma are exact to double precision.
constexpr double kAsymptotic = 10;

// c[0] + c[1] T_1(t) + c[2] T_2(t) + ... for -1 <= t <= 1, by Clenshaw's recurrence over the even terms and over the
// odd ones, which do not wait for each other: T_k(t) = 2 T_2(t) T_(k-2)(t) - T_(k-4)(t). A float takes kShort terms.
template <class Result, size_t kShort, size_t N, class V>
TENON_FORMULA V chebyshev(const double (&c)[N], const V& t) {
  constexpr size_t kTerms = sizeof(Result) == 4 ? kShort : N;
  const V factor = 4 * t * t - 2;
  V even = 0, even_before = 0, odd = 0, odd_before = 0;
  for (size_t k = (kTerms - 1) / 2; k > 0; --k) {
    const V next_even = multiply_add(factor, even, c[2 * k] - even_before);
    const V next_odd = multiply_add(factor, odd, (2 * k + 1 < kTerms ? c[2 * k + 1] : 0) - odd_before);
    even_before = even;
    odd_before = odd;
    even = next_even;
    odd = next_odd;
  }
  odd = multiply_add(factor, odd, c[1] - odd_before) - odd;
  return multiply_add(0.5 * factor, even, c[0] - even_before) + t * odd;
}

// c[0] + c[1] x + c[2] x^2 + ....
template <size_t N, class V>
TENON_FORMULA V power_series(const double (&c)[N], const V& x) {
  V sum = c[N - 1];
  for (size_t k = N - 1; k > 0; --k) sum = multiply_add(sum, x, V(c[k - 1]));
  return sum;
}

// --- modified Bessel functions of the first kind; the series of large x are in 1 / x

// e^-|x| I_0(x).
template <class Result, class V>
TENON_FORMULA V i0e(const V& x) {
  constexpr double kI0Small[] = {
    0.33839763720473803, -0.3046826723431984, 0.17162090152220877, -0.094901097048047639, 0.049305284239670712,
    -0.023737414805899471, 0.010546460394594998, -0.0043243099950505759, 0.0016394756169413357,
    -0.00057637557453858236, 0.00018850288509584165, -5.754195010082104e-05, 1.6448448070728896e-05,
    -4.4167383584587505e-06, 1.1173875391201037e-06, -2.6707938539406119e-07, 6.0469950225419186e-08,
    -1.300025009986248e-08, 2.6598237246823866e-09, -5.1897956016352627e-10, 9.675809035373237e-11,
    -1.7268262914415559e-11, 2.9550526631296399e-12, -4.856446783111929e-13, 7.6761854986049361e-14,
    -1.1685332877993451e-14, 1.7153912855551331e-15, -2.4312798465479549e-16, 3.3307945188222384e-17,
    -4.4153416464793395e-18};
  constexpr double kI0Large[] = {
    0.40224520550705439, 0.0033691164782556943, 6.8897583469168245e-05, 2.8913705208347567e-06,
    2.0489185894690638e-07, 2.266668990498178e-08, 3.3962320257083865e-09, 4.9406023882249701e-10,
    1.1889147107846439e-11, -3.1499165279632416e-11, -1.3215811840447713e-11, -1.7941785315068062e-12,
    7.180124451383666e-13, 3.8527783827421426e-13, 1.54008621752141e-14, -4.1505693472872222e-14,
    -9.5548466988283073e-15, 3.8116806693526224e-15, 1.7725601330565263e-15, -3.425485619677219e-16,
    -2.8276239805165836e-16, 3.4612228676974612e-17, 4.4656214202967598e-17, -4.830504485944178e-18,
    -7.23318048787476e-18, 9.9214754121736756e-19, 1.1936508908460063e-18};
  const V size = abs(x);
  return piecewise(
      size <= 8, [&]() TENON_PIECE { return chebyshev<Result, 21>(kI0Small, 0.25 * size - 1); },
      [&]() TENON_PIECE {
        const V inverse = 1 / size;
        return chebyshev<Result, 10>(kI0Large, 16 * inverse - 1) * sqrt(inverse);
      });
}

// e^-|x| I_1(x).
template <class Result, class V>
TENON_FORMULA V i1e(const V& x) {
  constexpr double kI1Small[] = {
    0.12629359322181682, -0.17641651835783406, 0.10264365868984709, -0.052945981208094989, 0.024726449030626516,
    -0.010564084894626197, 0.0041564229443128882, -0.0015135724506312532, 0.00051228595616857576,
    -0.00016176081582589674, 4.7815651075500542e-05, -1.3273163656039436e-05, 3.4702513081376785e-06,
    -8.5687202646954547e-07, 2.0032947535521353e-07, -4.4450591287963281e-08, 9.3815373864957726e-09,
    -1.8872497517228294e-09, 3.6255902815521172e-10, -6.6634897235020271e-11, 1.1736186298890901e-11,
    -1.9839743977649436e-12, 3.2237933659455748e-13, -5.0421855047279118e-14, 7.6006842947354077e-15,
    -1.1055969477353862e-15, 1.5536319577362005e-16, -2.111421214358166e-17, 2.7779141127610464e-18,
    -3.5415817725421362e-19};
  constexpr double kI1Large[] = {
    0.38928811750914005, -0.0097610974913614687, -0.00011058893876262371, -3.8825648088776906e-06,
    -2.5122362378702088e-07, -2.6314688468895196e-08, -3.835380385964237e-09, -5.5897434621965838e-10,
    -1.8974958123505413e-11, 3.2526035830154884e-11, 1.4125807436613782e-11, 2.0356285441470896e-12,
    -7.1985517762459084e-13, -4.0835511110921974e-13, -2.1015418427726643e-14, 4.272440016711951e-14,
    1.0420276984128802e-14, -3.8144030724370075e-15, -1.8803547755107825e-15, 3.3082023109209285e-16,
    2.9626289976459501e-16, -3.2095259219934238e-17, -4.650305368489358e-17, 4.4143483230717038e-18,
    7.5172963108421114e-18, -9.314178867326863e-19, -1.2421932751949152e-18};
  const V size = abs(x);
  return piecewise(
      size <= 8, [&]() TENON_PIECE { return x * chebyshev<Result, 20>(kI1Small, 0.25 * size - 1); },
      [&]() TENON_PIECE {
        const V inverse = 1 / size;
        return copysign(chebyshev<Result, 10>(kI1Large, 16 * inverse - 1) * sqrt(inverse), x);
      });
}

// scaled * e^|x|, where e^|x| alone may overflow.
template <class V>
TENON_FORMULA V unscaled(const V& scaled, const V& x) {
  const V root = exp(0.5 * abs(x));
  return scaled * root * root;
}

template <class Result, class V>
TENON_FORMULA V i0(const V& x) {
  return where(isinf(x), V(kInf), unscaled(i0e<Result>(x), x));
}
template <class Result, class V>
TENON_FORMULA V i1(const V& x) {
  return where(isinf(x), x, unscaled(i1e<Result>(x), x));
}

// --- modified Bessel functions of the second kind

// K_0(x) for 0 < x <= 2, anything beyond.
template <class Result, class V>
TENON_FORMULA V k0_small(const V& argument) {
  constexpr double kK0Small[] = {
    -0.26766369661695139, 0.3442898999246285, 0.035979936515361501, 0.001264615411446926, 2.2862121031194519e-05,
    2.5347910790261494e-07, 1.9045163772202091e-09, 1.0349695257633625e-11, 4.2598161427910826e-14,
    1.3744654358807508e-16};
  const V x = where(argument <= 2, argument, V(1));
  return chebyshev<Result, 7>(kK0Small, 0.5 * x * x - 1) - log(0.5 * x) * i0<Result>(x);
}

// e^x K_0(x) for x > 2.
template <class Result, class V>
TENON_FORMULA V k0e_large(const V& x) {
  constexpr double kK0Large[] = {
    1.2201515410329777, -0.031448101311964502, 0.0015698838857300533, -0.00012849549581627802, 1.39498137188765e-05,
    -1.8317555227191195e-06, 2.7668136394450149e-07, -4.6604898976879478e-08, 8.5740340174142253e-09,
    -1.6975345093890614e-09, 3.5773972814003283e-10, -7.9574892444773965e-11, 1.8559491149549264e-11,
    -4.5145978833745193e-12, 1.1403405882073441e-12, -2.9800969231481784e-13, 8.0328907750683746e-14,
    -2.2275133267462965e-14, 6.3400764762766461e-15, -1.8485933779209071e-15, 5.5120559994043335e-16,
    -1.6782311257549006e-16, 5.2103917776435543e-17, -1.6475805939842632e-17, 5.3004337711773354e-18};
  return chebyshev<Result, 11>(kK0Large, 4 / x - 1) / sqrt(x);
}

// K_1(x) for 0 < x <= 2, anything beyond.
template <class Result, class V>
TENON_FORMULA V k1_small(const V& argument) {
  constexpr double kK1Small[] = {
    0.76265011366947388, -0.35315596077654487, -0.12261118082265715, -0.0069757238596398641, -0.0001730288957513052,
    -2.4334061415659684e-06, -2.213387630734726e-08, -1.4114883926335278e-10, -6.6669016941993295e-13,
    -2.427449850519366e-15, -7.0238634793862882e-18};
  const V x = where(argument <= 2, argument, V(1));
  return log(0.5 * x) * i1<Result>(x) + chebyshev<Result, 8>(kK1Small, 0.5 * x * x - 1) / x;
}

// e^x K_1(x) for x > 2.
template <class Result, class V>
TENON_FORMULA V k1e_large(const V& x) {
  constexpr double kK1Large[] = {
    1.3603130952422213, 0.10392373657681724, -0.0028578168596227792, 0.00019521551847135162, -1.936197974166083e-05,
    2.406484947837217e-06, -3.5019606030878126e-07, 5.7410841254500495e-08, -1.0345762465678097e-08,
    2.0150497551970347e-09, -4.1903547593419254e-10, 9.2183151876053146e-11, -2.1299678384277909e-11,
    5.1396396734823432e-12, -1.2891739609498229e-12, 3.3484196660522431e-13, -8.9767051820101463e-14,
    2.4771544242195988e-14, -7.0198370892147685e-15, 2.038703166239861e-15, -6.0570472706430177e-16,
    1.8380935752430455e-16, -5.6894628491936484e-17, 1.7940510478863572e-17, -5.7567444820733025e-18};
  return chebyshev<Result, 11>(kK1Large, 4 / x - 1) / sqrt(x);
}

// `value` where K_0 and K_1 are numbers.
template <class V>
TENON_FORMULA V k_inside(const V& x, const V& value) {
  return where(x > 0, value, where(x == 0, V(kInf), V(kNan)));
}

template <class Result, class V>
TENON_FORMULA V modified_bessel_k0(const V& x) {
  return k_inside(x, piecewise(
                         x <= 2, [&]() TENON_PIECE { return k0_small<Result>(x); },
                         [&]() TENON_PIECE { return exp(-x) * k0e_large<Result>(x); }));
}
template <class Result, class V>
TENON_FORMULA V modified_bessel_k1(const V& x) {
  return k_inside(x, piecewise(
                         x <= 2, [&]() TENON_PIECE { return k1_small<Result>(x); },
                         [&]() TENON_PIECE { return exp(-x) * k1e_large<Result>(x); }));
}
template <class Result, class V>
TENON_FORMULA V scaled_modified_bessel_k0(const V& x) {
  return k_inside(x, piecewise(
                         x <= 2, [&]() TENON_PIECE { return exp(x) * k0_small<Result>(x); },
                         [&]() TENON_PIECE { return k0e_large<Result>(x); }));
}
template <class Result, class V>
TENON_FORMULA V scaled_modified_bessel_k1(const V& x) {
  return k_inside(x, piecewise(
                         x <= 2, [&]() TENON_PIECE { return exp(x) * k1_small<Result>(x); },
                         [&]() TENON_PIECE { return k1e_large<Result>(x); }));
}

// --- the scaled error function, and the inverses of the error function and the normal distribution

// e^(x^2) erfc(x).
template <class Result, class V>
TENON_FORMULA V erfcx(const V& x) {
  // (1 + 2x) erfcx(x) by (x - 3) / (x + 3).
  constexpr double kErfcx[] = {
    1.1775625741965601, 0.0053539045396156764, -0.093775503422842091, 0.054366525557443222, -0.018976596707845208,
    0.0044534260614627116, -0.00063355317105531469, 1.7661719523171593e-05, 1.2841532864056671e-05,
    -2.0072285659059913e-06, -1.8075227904148371e-07, 7.5498283438250929e-08, 1.885668523838603e-09,
    -2.6995190497983639e-09, -1.4600791199391051e-11, 1.0361607445969489e-10, 1.475715976623473e-12,
    -4.277340064396911e-12, -2.0792249285979901e-13, 1.8134502003176963e-13, 1.973425574544739e-14,
    -7.2879437375926734e-15, -1.5169878690228116e-15, 2.3514112258781403e-16, 1.0006111691821667e-16,
    -2.0572528169538546e-18, -5.608608218863183e-18};
  const V size = abs(x);
  const V scaled = chebyshev<Result, 14>(kErfcx, 1 - 6 / (size + 3)) / (1 + 2 * size);
  return piecewise(
      x < 0, [&]() TENON_PIECE { return where(x < -27, V(kInf), where(x < 0, 2 * exp_square(x) - scaled, scaled)); },
      [&]() TENON_PIECE { return scaled; });
}

// erfinv(x), where tail is (1 - |x|) / 2: x times a series in -log(1 - x^2), and near the ends one in sqrt(-log(tail)).
template <class Result, class V>
TENON_FORMULA V erfinv_by_tail(const V& x, const V& tail) {
  // By powers of w - 3.125, for a double and for a float.
  constexpr double kMiddle[] = {
    1.6536545626831027, 0.24015818242558834, -0.0060336708714269073, -7.4070253415465719e-4,
    1.8673420802008553e-4, -1.3882523393920442e-5, -1.3654691764001386e-6, 4.2347881677716928e-7,
    -2.9070390761936884e-8, -4.1126604066482581e-9, 1.0512230784674892e-9, -5.4143045472080582e-11,
    -1.2978695334656445e-11, 2.6305301926231065e-12, -8.0745956887290432e-14, -4.0020617748552676e-14,
    6.5256551414010766e-15, -3.9335086411995216e-17, -1.2261848463709764e-16, 1.5506009496679205e-17,
    6.3884475001916101e-19, -3.4715307676023004e-19, 1.8771516780529922e-20, 3.1905586173417538e-21,
    -3.3850330157210104e-22};
  constexpr double kMiddleShort[] = {
    1.65365456276, 0.240158182174, -0.0060336715866, -7.40701564969e-4, 1.86735334261e-4, -1.38836056879e-5,
    -1.36611975462e-6, 4.24013495904e-7, -2.88995640473e-8, -4.24898543914e-9, 1.03094294989e-9,
    -3.53531010997e-11, -1.23838790511e-11, 1.28718948465e-12};
  constexpr double kNearTail[] = {
    -0.96894166420024225, 0.0046728868878657751, -0.041394143742295317, 0.0089487802130837051, -0.0020041920608440799,
    0.00045993754992500007, -0.00010756875957829014, 2.5560771112804228e-05, -6.158767529335384e-06,
    1.502377277200627e-06, -3.7055388240057447e-07, 9.2295169782277766e-08, -2.3188200101606843e-08,
    5.8703159265223556e-09, -1.4960787008534089e-09, 3.8351944938942756e-10, -9.8821303150932619e-11,
    2.5578767064215094e-11, -6.6473774084859538e-12, 1.7336965374853799e-12, -4.5361456542195441e-13,
    1.1902960734173866e-13, -3.1315514488616039e-14, 8.2584601171167943e-15, -2.1826554518141019e-15,
    5.780167499807702e-16, -1.5335449049696812e-16, 4.0756121472500891e-17, -1.0848645362204086e-17};
  constexpr double kFarTail[] = {
    -0.59822888951892357, -0.13730238971253474, -0.044175854025376292, 0.01558533371331146, -0.0056261223740513462,
    0.0020613863962532968, -0.00076327293263356755, 0.00028485554869142805, -0.00010696470690463593,
    4.0364881772100799e-05, -1.5294498904484199e-05, 5.8150384122501968e-06, -2.217379853388004e-06,
    8.4767712435156746e-07, -3.2478211893146713e-07, 1.2468681041420439e-07, -4.7954788475911331e-08,
    1.8473919759318554e-08, -7.1276617087249868e-09, 2.7539213963094307e-09, -1.0654571209970564e-09,
    4.1273408207087283e-10, -1.6007725629640008e-10, 6.2157407982811948e-11, -2.4162522267543342e-11,
    9.4029102866004505e-12, -3.6630203635750441e-12, 1.428436990223853e-12, -5.5759158131680327e-13,
    2.1786827099567093e-13, -8.520873526883566e-14, 3.3356195902130779e-14, -1.3069565996062452e-14,
    5.1254032823224304e-15, -2.0117177111103974e-15, 7.9025624888379962e-16, -3.1068508240040357e-16,
    1.2224017813117494e-16, -4.8132466239321558e-17};
  const V w = -log(4 * tail * (1 - tail));
  return piecewise(
      w < 6.25,
      [&]() TENON_PIECE {
        if constexpr (sizeof(Result) == 4) return x * power_series(kMiddleShort, w - 3.125);
        else return x * power_series(kMiddle, w - 3.125);
      },
      [&]() TENON_PIECE {
        const V r = sqrt(-log(tail));
        // From 1.6 to 5, and on to where the least number lies: what there is besides a multiple of r that is near it,
        // so that the errors of the series are small.
        const V size = piecewise(
            r <= 5,
            [&]() TENON_PIECE {
              return multiply_add(r, V(1.53125), chebyshev<Result, 16>(kNearTail, (r - 3.3) / 1.7));
            },
            [&]() TENON_PIECE {
              return multiply_add(r, V(1.4375), chebyshev<Result, 20>(kFarTail, (r - 16.5) / 11.5));
            });
        return copysign(0.7071067811865476 * size, x);
      });
}

// The x whose normal distribution function is p.
template <class Result, class V>
TENON_FORMULA V ndtri(const V& p) {
  const V x = 2 * (p - 0.5);
  const V inside = 1.4142135623730951 * erfinv_by_tail<Result>(x, where(x < 0, p, 1 - p));
  return where((p > 0) & (p < 1), inside, where(p == 0, V(-kInf), where(p == 1, V(kInf), V(kNan))));
}

template <class Result, class V>
TENON_FORMULA V erfinv(const V& x) {
  const V size = abs(x);
  const V inside = erfinv_by_tail<Result>(x, 0.5 * (1 - size));
  return where(size < 1, inside, where(size == 1, copysign(V(kInf), x), V(kNan)));
}

// --- digamma and trigamma, by recurrences and asymptotic series

template <class Result, class V>
TENON_FORMULA V digamma(const V& x) {
  V result = piecewise(
      x < 0,
      [&]() TENON_PIECE {
        // Reflection, on the fraction because pi * x has lost it for large x.
        const V fraction = x - trunc(x);
        return where(x < 0, where(fraction == 0, V(kNan), -kPi / tan(kPi * fraction)), V(0));
      },
      [&]() TENON_PIECE { return V(0); });
  V z = where(x < 0, 1 - x, x);
  for (auto low = z < kAsymptotic; !none(low); low = z < kAsymptotic) {
    result = where(low, result - 1 / z, result);
    z = where(low, z + 1, z);
  }
  const V w = 1 / (z * z);
  // Bernoulli numbers B_2k / 2k.
  const V series =
      w * (1.0 / 12 -
           w * (1.0 / 120 -
                w * (1.0 / 252 -
                     w * (1.0 / 240 - w * (1.0 / 132 - w * (691.0 / 32760 - w * (1.0 / 12 - w * (3617.0 / 8160))))))));
  result = result + (log(z) - 0.5 / z - series);
  return where(x == 0, copysign(V(kInf), -x), result);
}

template <class Result, class V>
TENON_FORMULA V trigamma(const V& x) {
  const auto mirrored = x <= 0;
  V result = piecewise(
      mirrored,
      [&]() TENON_PIECE {
        const V sine = sin(kPi * (x - trunc(x)));
        return where(mirrored, -(kPi * kPi) / (sine * sine), V(0));
      },
      [&]() TENON_PIECE { return V(0); });
  V z = where(mirrored, 1 - x, x);
  for (auto low = z < kAsymptotic; !none(low); low = z < kAsymptotic) {
    result = where(low, result + 1 / (z * z), result);
    z = where(low, z + 1, z);
  }
  const V w = 1 / (z * z);
  const V series =
      1.0 / 6 -
      w * (1.0 / 30 -
           w * (1.0 / 42 - w * (1.0 / 30 - w * (5.0 / 66 - w * (691.0 / 2730 - w * (7.0 / 6 - w * (3617.0 / 510)))))));
  result = result + (1 + (0.5 + series / z) / z) / z;
  return where(mirrored, where(x == trunc(x), where(isinf(x), V(kNan), V(kInf)), -result), result);
}
