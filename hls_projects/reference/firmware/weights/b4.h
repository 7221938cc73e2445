//Numpy array shape [3]
//Min -0.187500000000
//Max 0.500000000000
//Number of zeros 0

#ifndef B4_H_
#define B4_H_

#ifndef __SYNTHESIS__
bias4_t b4[3];
#else
bias4_t b4[3] = {-0.18750, -0.03125, 0.50000};

#endif

#endif
