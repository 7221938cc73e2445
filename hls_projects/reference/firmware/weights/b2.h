//Numpy array shape [6]
//Min -0.468750000000
//Max 0.812500000000
//Number of zeros 0

#ifndef B2_H_
#define B2_H_

#ifndef __SYNTHESIS__
bias2_t b2[6];
#else
bias2_t b2[6] = {-0.25000, 0.81250, 0.31250, -0.46875, 0.03125, 0.21875};

#endif

#endif
